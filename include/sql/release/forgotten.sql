-- What lies, or may lie, at platforms to which the configuration sends nothing of the kind any more: nobody would take it
-- down there. Whatever arrived came with a shipment, and of those there are few. What lies there is what it is in
-- release/standing: also what the platform has newer than was sent.
with told as (
    select distinct s.platform, s.dataset from exchange.shipment as s
),

gone as (
    select t.platform, t.dataset
    from told as t
    where not exists (
        select 1
        from unnest(cast(:platforms as text []), cast(:datasets as text [])) as k (platform, dataset)
        where k.platform = t.platform and k.dataset = t.dataset
    )
)

select g.platform, g.dataset, count(*) as records
from gone as g
cross join lateral (
    select distinct on (o.record_id) case o.state when 'rejected' then 'withdraw' else o.op end as op
    from exchange.outbox as o
    where
        o.platform = g.platform and o.dataset = g.dataset
        and (
            o.state = 'delivered'
            or o.under_way
            or (o.state = 'rejected' and o.outcome_code = 'REVOKED')
            or (o.state = 'held' and o.op = 'upsert' and o.outcome_code in ('1006', 'OLD'))
        )
    order by o.record_id, o.version desc
) as l
where l.op = 'upsert'
group by g.platform, g.dataset
order by g.platform, g.dataset
