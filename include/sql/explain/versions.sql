-- Every version with the bytes and line it came from.
select
    v.version, v.reason, v.status, v.business_date, v.created_at, v.note, b.feed, b.batch_id, b.digest as source_digest,
    b.landed_uri, v.line_no, b.code_version
from exchange.record_version as v
left join exchange.batch as b on v.batch_id = b.batch_id
where v.record_id = :record_id
order by v.version
