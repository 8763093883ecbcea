-- The narrow id is the key; the number stays unique.
alter table exchange.shipment
add primary key (shipment_id),
add constraint shipment_shipment_no_key unique (shipment_no)
