-- Which row of the outbox travels in which shipment, and where in it: the last one that carried it. Written once when the
-- shipment is packed; what becomes of the shipment becomes of its lines, unless a line has a word of its own.
create table exchange.shipment_line (
    outbox_id bigint primary key,
    shipment_id bigint not null,
    line_no int not null
);
