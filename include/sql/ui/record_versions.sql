-- Every version of a record with the batch and line it came from.
select v.version, v.reason, v.status, v.batch_id, v.line_no, v.business_date, v.created_at, v.content_digest,
       b.feed, b.department_name, b.digest as batch_digest
from exchange.record_version as v
left join exchange.batch as b on b.batch_id = v.batch_id
where v.record_id = :record_id order by v.version desc
