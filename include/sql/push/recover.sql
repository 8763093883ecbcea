-- Shipments whose sender is gone while it sent: nobody knows whether they arrived.
with gone as (
    select s.shipment_no
    from exchange.shipment as s
    where
        s.platform = :platform
        and s.state = 'sending'
        and (s.lease_until < clock_timestamp() or s.lease_owner = any(cast(:dead as text [])))
    for update of s skip locked
)

update exchange.shipment as s set
    state = 'unknown',
    next_attempt_at = least(s.lease_until, clock_timestamp()) + make_interval(secs => :settle),
    problem = '上报进程在登记答复之前结束；先向平台查询，再决定是否补报',
    lease_owner = null,
    lease_until = null,
    fence = s.fence + 1
from gone as g
where s.shipment_no = g.shipment_no
