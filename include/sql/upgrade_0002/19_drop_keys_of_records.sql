-- As for claims: a record's subject was found or made by the statement before.
alter table exchange.record drop constraint if exists record_subject_id_fkey
