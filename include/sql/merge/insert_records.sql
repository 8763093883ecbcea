-- Records reported for the first time.
insert into exchange.record (
    record_id, dataset, agency_code, document_key, document_no, subject_ref, subject_id, subject_kind, subject_code,
    subject_name, department, feed, decided_on, business_date, publish_until, version, status, content_digest,
    content_version
)
select
    record_id, :dataset, agency_code, document_key, document_no, subject_ref, subject_id, subject_kind, subject_code,
    subject_name, department, feed, decided_on, :business_date, publish_until, 1, status, content_digest, 1
from outcome
where old_version is null
