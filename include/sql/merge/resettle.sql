-- Where other feeds speak about the record too, its content is worked out again, since newness decides among equals.
with late as (
    select distinct on (f.record_id) f.record_id, f.line_no
    from found as f
    inner join raised on f.record_id = raised.record_id
    where
        f.verdict = 'older'
        and not exists (
            select 1 from found as o where o.record_id = f.record_id and o.verdict in ('new', 'changed', 'earlier')
        )
    order by f.record_id, f.sequence desc, f.line_no desc
),

again as (
    update found set verdict = 'resettled', sequence = c.sequence, content_digest = c.content_digest
    from late
    inner join exchange.claim as c on late.record_id = c.record_id and c.feed = :feed
    where
        found.line_no = late.line_no
        and c.content is not null
        and exists (select 1 from exchange.claim as o where o.record_id = c.record_id and o.feed <> :feed)
    returning found.line_no, c.content
)

update staged_content set content = again.content
from again
where staged_content.line_no = again.line_no
