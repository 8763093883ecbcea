-- Leases the next shipment to send under a new fence, takedowns first; tells whether it waited for a retry.
with next as (
    select s.shipment_no, s.state
    from exchange.shipment as s
    where
        s.platform = :platform
        and s.state in ('ready', 'retry')
        and (s.op = 'withdraw' or not :takedowns_only)
        and s.next_attempt_at <= clock_timestamp()
        and s.shipment_no <> all(cast(:skip as text []))
    order by s.op desc, s.created_at, s.shipment_no
    limit 1
    for update of s skip locked
)

update exchange.shipment as s set
    state = 'sending',
    lease_owner = :owner,
    lease_until = clock_timestamp() + make_interval(secs => :lease),
    fence = s.fence + 1
from next as n
where s.shipment_no = n.shipment_no
returning s.*, n.state as state_before
