-- What each feed last said about a record.
select c.feed, b.department_name, c.business_date, c.batch_id, c.line_no, c.content_digest
from exchange.claim as c join exchange.batch as b on b.batch_id = c.batch_id
where c.record_id = :record_id order by c.feed
