-- Lines and attempts referred to the number; lines refer to a narrow id now.
alter table exchange.shipment drop constraint shipment_pkey cascade
