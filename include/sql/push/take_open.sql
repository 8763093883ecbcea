-- Leases the next shipment in this state (unknown, awaiting_receipt) that is due to be asked about.
with next as (
    select s.shipment_no
    from exchange.shipment as s
    where
        s.platform = :platform
        and s.state = :state
        and s.next_attempt_at <= clock_timestamp()
        and (
            s.lease_until is null
            or s.lease_until < clock_timestamp()
            or s.lease_owner = any(cast(:dead as text []))
        )
        and s.shipment_no <> all(cast(:skip as text []))
    -- what was not found out for a day comes last: looks in vain are bounded
    order by s.created_at < clock_timestamp() - interval '1 day', s.op desc, s.next_attempt_at, s.shipment_no
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
