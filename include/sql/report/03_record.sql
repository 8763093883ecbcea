-- The record of truth as it stands; natural persons only with masked names.
create or replace view report.record as
select
    r.record_id,
    r.dataset,
    r.version,
    r.department,
    r.document_no,
    r.subject_code,
    case
        when r.subject_kind <> 'person' then r.subject_name
        when length(r.subject_name) = 1 then '*'
        when length(r.subject_name) <= 3 then left(r.subject_name, 1) || repeat('*', greatest(length(r.subject_name) - 1, 0))
        else left(r.subject_name, 1) || '**'
    end as subject_name,
    r.decided_on,
    r.business_date,
    r.status,
    r.subject_kind,
    r.publish_until,
    r.feed,
    r.sources
from exchange.record as r
