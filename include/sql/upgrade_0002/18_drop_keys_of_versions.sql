-- As for claims: versions are written from the records of the same statement list.
alter table exchange.record_version
drop constraint if exists record_version_record_id_fkey,
drop constraint if exists record_version_batch_id_fkey
