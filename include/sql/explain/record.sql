-- The record as it stands.
select * from report.record where record_id = :record_id
