-- As for claims: names are written with the subject that bears them.
alter table exchange.subject_name
drop constraint if exists subject_name_subject_id_fkey,
drop constraint if exists subject_name_first_batch_fkey
