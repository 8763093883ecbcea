-- Per platform and department: what became of the versions that this business date made. The states add up to total.
select o.platform, r.department, o.dataset,
       count(*) as total,
       count(*) filter (where o.state = 'delivered') as delivered,
       count(*) filter (where o.state = 'rejected') as rejected,
       count(*) filter (where o.state in ('awaiting_receipt', 'sending')) as awaiting,
       count(*) filter (where o.state = 'unknown') as unknown,
       count(*) filter (where o.state in ('ready', 'retry', 'held')) as backlog,
       count(*) filter (where o.state in ('superseded', 'cancelled')) as over
from exchange.outbox as o
join exchange.record_version as v on v.record_id = o.record_id and v.version = o.version
join exchange.record as r on r.record_id = o.record_id
where v.business_date = :business_date
group by o.platform, r.department, o.dataset
order by o.platform, r.department, o.dataset
