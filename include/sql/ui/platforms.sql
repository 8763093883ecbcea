-- Backlog and circuit of every platform that ever had something to get, and when it last settled a shipment.
select p.platform, coalesce(s.circuit, 'closed') as circuit, coalesce(s.failures, 0) as failures, s.open_until, s.reason,
       p.ready, p.in_flight, p.unknown, p.held, p.delivered, p.rejected, p.oldest,
       (select max(x.settled_at) from exchange.shipment as x where x.platform = p.platform) as last_settled
from (
    select platform,
           count(*) filter (where state in ('ready', 'retry')) as ready,
           count(*) filter (where state in ('sending', 'awaiting_receipt')) as in_flight,
           count(*) filter (where state = 'unknown') as unknown,
           count(*) filter (where state = 'held') as held,
           count(*) filter (where state = 'delivered') as delivered,
           count(*) filter (where state = 'rejected') as rejected,
           min(created_at) filter (
               where state in ('ready', 'retry', 'sending', 'awaiting_receipt', 'unknown', 'held')
           ) as oldest
    from exchange.outbox group by platform
) as p
left join exchange.platform_state as s on s.platform = p.platform
order by p.platform
