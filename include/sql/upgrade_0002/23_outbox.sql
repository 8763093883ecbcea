-- The outbox as this version saw it: a row's own word, or else what the shipment of its line says.
-- `under_way`: packed, so that a platform may have it or get it; no other version may leave and none is overtaken.
create view exchange.outbox as
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
    case
        when r.state = 'waiting' then 'ready'
        when r.state <> 'ready' then r.state
        when s.state = 'settled' then 'delivered'
        else coalesce(s.state, 'ready')
    end as state,
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
left join exchange.shipment_line as l on r.outbox_id = l.outbox_id
left join exchange.shipment as s on l.shipment_id = s.shipment_id
where r.op is not null
