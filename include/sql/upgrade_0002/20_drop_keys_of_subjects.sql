-- As for claims: which batch first told of a subject is for explaining only.
alter table exchange.subject drop constraint if exists subject_created_batch_fkey
