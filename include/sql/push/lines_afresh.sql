-- The records of a shipment that was given up: each goes afresh, in another one.
update exchange.release as o set
    state = 'retry',
    outcome_code = :code,
    attempts = o.attempts + s.tries,
    first_sent_at = coalesce(o.first_sent_at, s.first_sent_at)
from exchange.shipment as s
inner join exchange.shipment_run as n on s.shipment_id = n.shipment_id
where s.shipment_no = :shipment_no and o.outbox_id between n.first_id and n.last_id and o.state = 'ready'
