-- What each feed last said, and older rows that never became current.
select
    c.feed, c.department, c.business_date, c.sequence, c.batch_id, c.line_no,
    c.content_digest = r.content_digest as stands_whole, false as history
from exchange.claim as c
inner join exchange.record as r on c.record_id = r.record_id
where c.record_id = :record_id
union all
select h.feed, b.department, h.business_date, h.sequence, h.batch_id, h.line_no, false, true
from exchange.claim_history as h
inner join exchange.batch as b on h.batch_id = b.batch_id
where h.record_id = :record_id
order by 3, 1
