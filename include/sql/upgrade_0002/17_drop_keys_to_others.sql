-- Merging writes by sets that were joined a moment before: checking each row again cost as much as writing it.
alter table exchange.claim
drop constraint if exists claim_record_id_fkey,
drop constraint if exists claim_batch_id_fkey
