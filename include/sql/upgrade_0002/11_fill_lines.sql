-- The last shipment of every old row.
insert into exchange.shipment_line (outbox_id, shipment_id, line_no)
select o.outbox_id, s.shipment_id, o.line_no
from exchange.outbox_before as o
inner join exchange.shipment as s on o.shipment_no = s.shipment_no
where o.line_no is not null
