-- What has to reach a platform and how far each record got: its own word, or else what its shipment says.
-- `under_way`: packed, so that a platform may have it or get it; no other version may leave and none is overtaken.
create or replace view exchange.outbox as
select
    r.outbox_id,
    r.platform,
    r.dataset,
    r.record_id,
    r.version,
    r.op,
    r.priority,
    r.payload_digest,
    r.reason,
    exchange.state_of(r.state, coalesce(s.state, 'ready')) as state,
    r.not_before,
    s.shipment_no,
    s.shipment_id,
    l.line_no,
    coalesce(s.lane, '') as lane,
    r.attempts + case when r.state = 'ready' then coalesce(s.tries, 0) else 0 end as attempts,
    coalesce(r.outcome_code, case when r.state = 'ready' then s.code end) as outcome_code,
    r.outcome_message,
    coalesce(r.receipt_no, case when r.state = 'ready' then s.receipt_no end) as receipt_no,
    coalesce(r.first_sent_at, s.first_sent_at) as first_sent_at,
    coalesce(r.settled_at, case when r.state = 'ready' and s.state = 'settled' then s.settled_at end) as settled_at,
    r.decided_at as created_at,
    coalesce(r.state = 'ready' and s.state in ('ready', 'sending', 'awaiting_receipt', 'unknown'), false) as under_way
from exchange.release as r
left join lateral (
    select k.shipment_id, (k.first_line + r.outbox_id - k.first_id)::int as line_no
    from (
        select n.shipment_id, n.first_id, n.last_id, n.first_line
        from exchange.shipment_run as n
        where n.first_id <= r.outbox_id
        order by n.first_id desc
        limit 1
    ) as k
    where k.last_id >= r.outbox_id
) as l on true
left join exchange.shipment as s on l.shipment_id = s.shipment_id
where r.op is not null
