-- How much of what a business date made of its records was decided for these platforms and never sent there: 发布 ran again and 上报
-- did not, or somebody marked 上报 as done. While another night is on its way nothing is said: it may have decided it a moment ago,
-- and sends it. Looked for among what waits, packed or by itself or in lots: that is next to nothing, where what a bulk night made
-- is millions.
with packed as materialized ( -- first which, then what is in them: a plan may not look into all that ever travelled
    select n.first_id, n.last_id
    from exchange.shipment as s
    inner join exchange.shipment_run as n on s.shipment_id = n.shipment_id
    where s.platform = any(cast(:platforms as text [])) and s.state = 'ready'
)

select w.platform, count(*) as records
from (
    select o.platform, o.record_id, o.version
    from packed as n
    cross join lateral (
        select r.platform, r.record_id, r.version
        from exchange.release as r
        where r.outbox_id between n.first_id and n.last_id and r.state = 'ready'
        offset 0 -- whatever the statistics say, by key
    ) as o
    union all
    select o.platform, o.record_id, o.version
    from exchange.release as o
    where o.platform = any(cast(:platforms as text [])) and o.state = 'waiting'
    union all
    select o.platform, o.record_id, o.version
    from exchange.lot as t
    cross join lateral (
        select r.platform, r.record_id, r.version
        from exchange.release as r
        where r.outbox_id between t.first_id and t.last_id and r.platform = t.platform and r.state = 'ready'
        offset 0
    ) as o
    where t.platform = any(cast(:platforms as text []))
) as w
inner join exchange.record_version as v on w.record_id = v.record_id and w.version = v.version
where
    v.business_date = :business_date
    and not exists (
        select from exchange.night as g
        where g.run_id <> :run_id and g.outcome is null and greatest(g.started_at, g.reopened_at) > :since
    )
group by w.platform
