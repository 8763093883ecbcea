-- How much of what a business date made of its records was decided for these platforms and never sent there: 发布 ran again and 上报
-- did not, or somebody marked 上报 as done.
select o.platform, count(*) as records
from exchange.record_version as v
inner join exchange.outbox as o on v.record_id = o.record_id and v.version = o.version
where v.business_date = :business_date and o.platform = any(cast(:platforms as text [])) and o.state = 'ready'
group by o.platform
