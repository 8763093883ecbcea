-- Where other feeds speak about the record too, its content is worked out again, since newness decides among equals.
update staged set
    verdict = 'resettled', sequence = c.sequence, content = c.content, content_digest = c.content_digest
from raised
inner join exchange.claim as c on raised.record_id = c.record_id and c.feed = :feed
where
    staged.record_id = raised.record_id
    and staged.verdict = 'older'
    and c.content is not null
    and exists (select 1 from exchange.claim as o where o.record_id = c.record_id and o.feed <> :feed)
