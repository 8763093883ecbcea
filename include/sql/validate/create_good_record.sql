-- The records that this batch brings in good order, as contents or as orders.
create temporary table good_record (record_id text not null, is_order boolean not null) on commit drop
