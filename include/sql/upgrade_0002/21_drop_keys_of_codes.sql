-- As for claims: codes are written with the subject they belong to.
alter table exchange.subject_code
drop constraint if exists subject_code_subject_id_fkey,
drop constraint if exists subject_code_first_batch_fkey
