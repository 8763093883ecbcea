-- How much of what a business date made of its records was decided for these platforms and never sent there: 发布 ran again and 上报
-- did not, or somebody marked 上报 as done. While another night is on its way nothing is said: it may have decided it a moment ago,
-- and sends it.
select o.platform, count(*) as records
from exchange.record_version as v
inner join exchange.outbox as o on v.record_id = o.record_id and v.version = o.version
where
    v.business_date = :business_date
    and o.platform = any(cast(:platforms as text []))
    and o.state = 'ready'
    and not exists (
        select from exchange.night as n
        where n.run_id <> :run_id and n.outcome is null and greatest(n.started_at, n.reopened_at) > :since
    )
group by o.platform
