-- The counts of an earlier, held validation of this batch make room for the new ones.
delete from exchange.batch_check where batch_id = :batch_id
