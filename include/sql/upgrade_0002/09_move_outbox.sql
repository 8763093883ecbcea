-- Every old row of the outbox keeps its word; what was packed follows its shipment, what waited waits by itself.
update exchange.release as r set
    op = o.op,
    outbox_id = o.outbox_id,
    priority = o.priority,
    reason = o.reason,
    state = case
        when o.state in ('sending', 'awaiting_receipt', 'unknown') then 'ready'
        when o.state = 'retry' and s.state = 'retry' then 'ready'
        when o.state = 'ready' then 'waiting'
        else o.state
    end,
    not_before = o.not_before,
    attempts = greatest(
        o.attempts - case
            when o.state in ('sending', 'awaiting_receipt', 'unknown') or (o.state = 'retry' and s.state = 'retry')
                then s.tries
            else 0
        end, 0
    ),
    outcome_code = o.outcome_code,
    outcome_message = o.outcome_message,
    receipt_no = o.receipt_no,
    first_sent_at = o.first_sent_at,
    settled_at = o.settled_at
from exchange.outbox_before as o
left join exchange.shipment as s on o.shipment_no = s.shipment_no
where r.platform = o.platform and r.record_id = o.record_id and r.version = o.version
