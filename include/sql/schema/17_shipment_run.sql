-- Which rows of the outbox travel in which shipment: consecutive ids, and the place of the first one in it. Written once
-- when the shipment is packed; what becomes of the shipment becomes of its rows, unless a row has a word of its own. A row
-- that goes afresh gets a new id, so that no id is ever in two shipments.
create table exchange.shipment_run (
    first_id bigint primary key,
    last_id bigint not null,
    shipment_id bigint not null,
    first_line int not null,
    exclude using gist (int8range(first_id, last_id, '[]') with &&)
);
create index shipment_run_by_shipment on exchange.shipment_run (shipment_id);
