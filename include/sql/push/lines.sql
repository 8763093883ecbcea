-- The records of a shipment that are under way with it.
select (n.first_line + o.outbox_id - n.first_id)::int as line_no, o.outbox_id, o.record_id, o.version
from exchange.shipment_run as n
cross join lateral (
    select r.outbox_id, r.record_id, r.version
    from exchange.release as r
    where r.outbox_id between n.first_id and n.last_id and r.state = 'ready'
    offset 0 -- whatever the statistics say, by key
) as o
where n.shipment_id = :shipment_id
order by line_no
