-- Whether a takedown waits at the platform: looked at twice a second, and so without the lock that packing may hold.
select
    exists (
        select 1 from exchange.lot as l
        where l.platform = :platform and l.priority <= :priority
    )
    or exists (
        select 1 from exchange.release as o
        where o.platform = :platform and o.priority <= :priority and o.state in ('waiting', 'retry')
    )
