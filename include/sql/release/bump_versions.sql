-- A changed release takes the next version of the record.
with bumped as (
    update exchange.record set version = version + 1
    where record_id = any(:record_ids)
    returning record_id, version, status, content_digest, business_date
)

insert into exchange.record_version (
    record_id, version, reason, status, content_digest, business_date
)
select record_id, version, 'release', status, content_digest, business_date
from bumped
