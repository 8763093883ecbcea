-- A record as the reporting view shows it: names of natural persons are masked there.
select record_id, dataset, version, department, document_no, subject_code, subject_name, subject_kind, decided_on,
       business_date, status, publish_until, feed
from report.record where record_id = :record_id
