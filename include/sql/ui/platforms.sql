-- Backlog and circuit of every platform that ever had something to get, and when it last settled a shipment. The states
-- are those of exchange.outbox, counted without looking for each row's shipment: a row has a word of its own, travels in
-- a shipment that is not settled, waits in a lot, or else has arrived with its shipment.
with told as (
    select platform, state, count(*) as records, min(decided_at) as oldest
    from exchange.release
    where op is not null
    group by platform, state
),
on_its_way as (
    select s.platform, s.state, count(*) as records, min(r.decided_at) as oldest
    from exchange.shipment as s
    inner join exchange.shipment_run as n on s.shipment_id = n.shipment_id
    cross join lateral (
        select k.state, k.decided_at from exchange.release as k
        where k.outbox_id between n.first_id and n.last_id
        offset 0 -- whatever the statistics say, by key
    ) as r
    where s.state <> 'settled' and r.state = 'ready'
    group by s.platform, s.state
    union all
    select l.platform, 'ready' as state, count(*) as records, min(r.decided_at) as oldest
    from exchange.lot as l
    cross join lateral (
        select k.platform, k.state, k.decided_at from exchange.release as k
        where k.outbox_id between l.first_id and l.last_id
        offset 0
    ) as r
    where r.platform = l.platform and r.state = 'ready'
    group by l.platform
),
counted as (
    select platform, case state when 'waiting' then 'ready' else state end as state, records, oldest
    from told
    where state <> 'ready'
    union all
    select platform, state, records, oldest from on_its_way
    union all
    select
        t.platform,
        'delivered' as state,
        t.records - (select coalesce(sum(w.records), 0) from on_its_way as w where w.platform = t.platform) as records,
        null as oldest
    from told as t
    where t.state = 'ready'
),
settled as (
    select platform, max(settled_at) as last_settled from exchange.shipment group by platform
)
select
    c.platform,
    coalesce(min(p.circuit), 'closed') as circuit,
    coalesce(min(p.failures), 0) as failures,
    min(p.open_until) as open_until,
    min(p.reason) as reason,
    cast(coalesce(sum(c.records) filter (where c.state in ('ready', 'retry')), 0) as bigint) as ready,
    cast(coalesce(sum(c.records) filter (where c.state in ('sending', 'awaiting_receipt')), 0) as bigint) as in_flight,
    cast(coalesce(sum(c.records) filter (where c.state = 'unknown'), 0) as bigint) as unknown,
    cast(coalesce(sum(c.records) filter (where c.state = 'held'), 0) as bigint) as held,
    cast(coalesce(sum(c.records) filter (where c.state = 'delivered'), 0) as bigint) as delivered,
    cast(coalesce(sum(c.records) filter (where c.state = 'rejected'), 0) as bigint) as rejected,
    min(c.oldest) filter (
        where c.state in ('ready', 'retry', 'sending', 'awaiting_receipt', 'unknown', 'held')
    ) as oldest,
    min(s.last_settled) as last_settled
from counted as c
left join exchange.platform_state as p on c.platform = p.platform
left join settled as s on c.platform = s.platform
group by c.platform
order by c.platform
