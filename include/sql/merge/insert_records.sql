-- Records reported for the first time: at version 1, or above all that were given before a backup was restored.
insert into exchange.record (
    record_id, dataset, agency_code, document_key, document_no, subject_ref, subject_id, subject_kind, subject_code,
    subject_name, department, feed, decided_on, business_date, publish_until, version, status, content_digest,
    content_version
)
select
    record_id, :dataset, agency_code, document_key, document_no, subject_ref, subject_id, subject_kind, subject_code,
    subject_name, department, feed, decided_on, :business_date, publish_until, b.version, status, content_digest, b.version
from outcome
cross join (select coalesce(max(first_version), 1) as version from exchange.restored) as b
where old_version is null
