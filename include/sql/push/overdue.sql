-- Shipments that were first sent more than a day ago (real time), and nobody has found out what became of them: the tasks of
-- a platform take hours. Of one platform, or of all.
select
    s.platform,
    s.shipment_no,
    s.dataset,
    s.op,
    s.state,
    s.records,
    a.since
from exchange.shipment as s
cross join lateral (
    select min(t.started_at) as since
    from exchange.attempt as t
    where t.shipment_no = s.shipment_no and t.kind = 'send'
) as a
where
    (cast(:platform as text) is null or s.platform = cast(:platform as text))
    and s.state in ('ready', 'sending', 'unknown', 'awaiting_receipt')
    and a.since < now() - interval '1 day'
order by s.platform, a.since, s.shipment_no
