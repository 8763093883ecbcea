-- The records that this batch brings in good order.
create temporary table good_record (record_id text not null) on commit drop
