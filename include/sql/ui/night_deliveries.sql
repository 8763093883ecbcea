-- Per platform and department: what became of the versions that this business date made.
select o.platform, r.department, o.dataset,
       count(*) as total,
       count(*) filter (where o.state = 'delivered') as delivered,
       count(*) filter (where o.state = 'rejected') as rejected,
       count(*) filter (where o.state in ('awaiting_receipt', 'unknown', 'sending')) as waiting,
       count(*) filter (where o.state in ('ready', 'retry', 'held')) as backlog
from exchange.outbox as o
join exchange.record_version as v on v.record_id = o.record_id and v.version = o.version
join exchange.record as r on r.record_id = o.record_id
where v.business_date = :business_date
group by o.platform, r.department, o.dataset
order by o.platform, r.department, o.dataset
