-- Leases the next packed shipment that nobody holds under a new fence, takedowns first.
with next as (
    select s.shipment_no
    from exchange.shipment as s
    where
        s.platform = :platform
        and s.state in ('ready', 'retry')
        and (s.op = 'withdraw' or not :takedowns_only)
        and s.next_attempt_at <= clock_timestamp()
        and (
            s.lease_until is null
            or s.lease_until < clock_timestamp()
            or s.lease_owner = any(cast(:dead as text []))
        )
        and s.shipment_no <> all(cast(:skip as text []))
    order by s.op desc, s.created_at, s.shipment_no
    limit 1
    for update of s skip locked
)

update exchange.shipment as s set
    lease_owner = :owner,
    lease_until = clock_timestamp() + make_interval(secs => :lease),
    fence = s.fence + 1
from next as n
where s.shipment_no = n.shipment_no
returning s.*
