-- The records of a shipment that are under way with it.
select l.line_no, o.outbox_id, o.record_id, o.version
from exchange.shipment_line as l
inner join exchange.release as o on l.outbox_id = o.outbox_id
where l.shipment_id = :shipment_id and o.state = 'ready'
order by l.line_no
