-- The records that this batch brings in good order, as contents or as orders, with the decisions they are about.
create temporary table good_record (
    record_id text not null,
    is_order boolean not null,
    agency_code text not null,
    document_key text not null
) on commit drop
