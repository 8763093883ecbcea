-- What is not finished at the platform: packed, waiting by itself, and waiting in lots.
select w.state, count(*) as records
from (
    select s.state
    from exchange.shipment as s
    inner join exchange.shipment_run as n on s.shipment_id = n.shipment_id
    cross join lateral (
        select 1 as one
        from exchange.release as r
        where r.outbox_id between n.first_id and n.last_id and r.state = 'ready'
        offset 0 -- whatever the statistics say, by key: history is a thousand times what is left
    ) as o
    where s.platform = :platform and s.state not in ('settled', 'held')
    union all
    select exchange.state_of(o.state, null)
    from exchange.release as o
    where o.platform = :platform and o.state in ('waiting', 'retry')
    union all
    select 'ready'
    from exchange.lot as t
    cross join lateral (
        select 1 as one
        from exchange.release as r
        where r.outbox_id between t.first_id and t.last_id and r.platform = t.platform and r.state = 'ready'
        offset 0
    ) as o
    where t.platform = :platform
) as w
group by w.state
