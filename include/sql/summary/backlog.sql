-- What has not reached its platform yet, by state and age. The states are those of exchange.outbox, found without looking
-- for each row's shipment: what has a word of its own, travels in a shipment that is not settled, or waits in a lot.
with waiting as (
    select
        platform, dataset, op, case state when 'waiting' then 'ready' else state end as state, decided_at, outcome_code
    from exchange.release
    where state not in ('ready', 'delivered', 'superseded', 'cancelled') and op is not null
    union all
    select s.platform, r.dataset, r.op, s.state, r.decided_at, coalesce(r.outcome_code, s.code) as outcome_code
    from exchange.shipment as s
    inner join exchange.shipment_run as n on s.shipment_id = n.shipment_id
    cross join lateral (
        select k.dataset, k.op, k.state, k.decided_at, k.outcome_code from exchange.release as k
        where k.outbox_id between n.first_id and n.last_id
        offset 0 -- whatever the statistics say, by key
    ) as r
    where s.state <> 'settled' and r.state = 'ready'
    union all
    select l.platform, r.dataset, r.op, 'ready' as state, r.decided_at, r.outcome_code
    from exchange.lot as l
    cross join lateral (
        select k.platform, k.dataset, k.op, k.state, k.decided_at, k.outcome_code from exchange.release as k
        where k.outbox_id between l.first_id and l.last_id
        offset 0
    ) as r
    where r.platform = l.platform and r.state = 'ready'
)
select platform, dataset, op, state, count(*) as records, min(decided_at) as oldest, max(outcome_code) as last_code
from waiting
group by platform, dataset, op, state
order by platform, dataset, op, state
