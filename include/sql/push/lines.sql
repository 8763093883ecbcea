-- The records of a shipment that are under way with it.
select (n.first_line + o.outbox_id - n.first_id)::int as line_no, o.outbox_id, o.record_id, o.version
from exchange.shipment_run as n
inner join exchange.release as o on o.outbox_id between n.first_id and n.last_id
where n.shipment_id = :shipment_id and o.state = 'ready'
order by line_no
