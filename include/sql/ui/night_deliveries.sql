-- Per platform and department: what became of the versions that this business date made. The states add up to total. No row's
-- shipment is looked for: what is not on its way has arrived, where it has no word of its own.
with on_its_way as materialized (
    select outbox_id, state from exchange.on_its_way
),
delivery as (
    select
        r.platform,
        c.department,
        r.dataset,
        exchange.state_of(r.state, coalesce(w.state, 'settled')) as state
    from exchange.record_version as v
    inner join exchange.release as r on v.record_id = r.record_id and v.version = r.version
    inner join exchange.record as c on v.record_id = c.record_id
    left join on_its_way as w on r.outbox_id = w.outbox_id
    where v.business_date = :business_date and r.op is not null
)
select
    platform,
    department,
    dataset,
    count(*) as total,
    count(*) filter (where state = 'delivered') as delivered,
    count(*) filter (where state = 'rejected') as rejected,
    count(*) filter (where state in ('awaiting_receipt', 'sending')) as awaiting,
    count(*) filter (where state = 'unknown') as unknown,
    count(*) filter (where state in ('ready', 'retry', 'held')) as backlog,
    count(*) filter (where state in ('superseded', 'cancelled')) as over
from delivery
group by platform, department, dataset
order by platform, department, dataset
