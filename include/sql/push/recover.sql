-- Shipments whose sender is gone: unknown when an attempt had begun, else they never left and are sent as they are.
with gone as (
    select
        s.shipment_no,
        exists (
            select 1 from exchange.attempt as a
            where a.shipment_no = s.shipment_no and a.kind = 'send' and a.fence = s.fence
        ) as begun
    from exchange.shipment as s
    where
        s.platform = :platform
        and s.state = 'sending'
        and (s.lease_until < clock_timestamp() or s.lease_owner = any(cast(:dead as text [])))
    for update of s skip locked
),

moved as (
    update exchange.shipment as s set
        state = case when g.begun then 'unknown' else 'ready' end,
        next_attempt_at = case
            when g.begun then least(s.lease_until, clock_timestamp()) + make_interval(secs => :settle)
            else clock_timestamp()
        end,
        problem = case when g.begun then 'the sender ended before the answer was stored' else s.problem end,
        lease_owner = null,
        lease_until = null,
        fence = s.fence + 1
    from gone as g
    where s.shipment_no = g.shipment_no
    returning s.shipment_no, s.state
),

lines as (
    update exchange.outbox as o set state = 'unknown'
    from moved as m
    where o.shipment_no = m.shipment_no and m.state = 'unknown' and o.state = 'sending'
    returning o.outbox_id
)

select count(*) as shipments, (select count(*) from lines) as unknown_lines from moved
