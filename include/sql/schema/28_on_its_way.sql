-- What waits or travels and has no word of its own: in a shipment that is not settled, or in a lot. Whatever else has none
-- has arrived with its shipment; so the states of exchange.outbox can be counted without a look for each row's shipment.
create view exchange.on_its_way as
select s.platform, r.dataset, r.op, r.outbox_id, s.state, r.decided_at, coalesce(r.outcome_code, s.code) as outcome_code
from exchange.shipment as s
inner join exchange.shipment_run as n on s.shipment_id = n.shipment_id
cross join lateral (
    select k.outbox_id, k.dataset, k.op, k.state, k.decided_at, k.outcome_code
    from exchange.release as k
    where k.outbox_id between n.first_id and n.last_id
    offset 0 -- whatever the statistics say, by key
) as r
where s.state <> 'settled' and r.state = 'ready'
union all
select l.platform, r.dataset, r.op, r.outbox_id, 'ready' as state, r.decided_at, r.outcome_code
from exchange.lot as l
cross join lateral (
    select k.outbox_id, k.platform, k.dataset, k.op, k.state, k.decided_at, k.outcome_code
    from exchange.release as k
    where k.outbox_id between l.first_id and l.last_id
    offset 0
) as r
where r.platform = l.platform and r.state = 'ready'
