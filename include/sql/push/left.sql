-- What is not finished at the platform: packed, waiting by itself, and waiting in lots.
select w.state, count(*) as records
from (
    select s.state
    from exchange.shipment as s
    inner join exchange.shipment_run as n on s.shipment_id = n.shipment_id
    inner join exchange.release as o on o.outbox_id between n.first_id and n.last_id
    where s.platform = :platform and s.state not in ('settled', 'held') and o.state = 'ready'
    union all
    select case o.state when 'waiting' then 'ready' else o.state end
    from exchange.release as o
    where o.platform = :platform and o.state in ('waiting', 'retry')
    union all
    select 'ready'
    from exchange.lot as t
    inner join exchange.release as o on o.outbox_id between t.first_id and t.last_id
    where t.platform = :platform and o.platform = :platform and o.state = 'ready'
) as w
group by w.state
