-- Backlog and circuit of every platform that ever had something to get, and when it last settled a shipment. No row's shipment
-- is looked for: what has no word of its own is counted as arrived, and what is on its way as such instead.
with told as (
    select platform, state, count(*) as records, min(decided_at) as oldest
    from exchange.release
    where op is not null
    group by platform, state
),
on_its_way as (
    select platform, state, count(*) as records, min(decided_at) as oldest
    from exchange.on_its_way
    group by platform, state
),
counted as (
    select platform, exchange.state_of(state, 'settled') as state, records, oldest from told
    union all
    select platform, state, records, oldest from on_its_way
    union all
    select platform, 'delivered' as state, -records as records, null as oldest from on_its_way
),
refused as ( -- as listed below (ui/platform_refused): what a newer version stands for is over
    select r.platform, count(*) as records
    from exchange.release as r
    where
        r.state = 'rejected'
        and not exists (
            select 1 from exchange.release as n
            where n.record_id = r.record_id and n.platform = r.platform and n.version > r.version
        )
    group by r.platform
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
    coalesce(min(f.records), 0) as rejected,
    min(c.oldest) filter (
        where c.state in ('ready', 'retry', 'sending', 'awaiting_receipt', 'unknown', 'held')
    ) as oldest,
    min(s.last_settled) as last_settled
from counted as c
left join exchange.platform_state as p on c.platform = p.platform
left join settled as s on c.platform = s.platform
left join refused as f on c.platform = f.platform
group by c.platform
order by c.platform
