-- Every record goes on at the first version since the restore, and has to be decided again.
with raised as (
    update exchange.record set version = :first_version
    returning record_id, version, status, content_digest, business_date
)

insert into exchange.record_version (
    record_id, version, reason, status, content_digest, business_date
)
select record_id, version, 'release', status, content_digest, business_date
from raised
