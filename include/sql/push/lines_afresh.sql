-- The records of a shipment that was given up: each goes afresh, in another one.
update exchange.release as o set
    state = 'retry',
    outcome_code = :code,
    attempts = o.attempts + w.tries,
    first_sent_at = coalesce(o.first_sent_at, w.first_sent_at)
from (
    select r.outbox_id, s.tries, s.first_sent_at
    from exchange.shipment as s
    inner join exchange.shipment_run as n on s.shipment_id = n.shipment_id
    cross join lateral (
        select k.outbox_id
        from exchange.release as k
        where k.outbox_id between n.first_id and n.last_id and k.state = 'ready'
        offset 0 -- whatever the statistics say, by key
    ) as r
    where s.shipment_no = :shipment_no
) as w
where o.outbox_id = w.outbox_id and o.state = 'ready'
