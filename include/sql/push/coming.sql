-- What of these records is going to the platform; and the takedowns that it has not taken yet, so that none removes what came
-- meanwhile.
select o.outbox_id
from exchange.outbox as o
where
    o.platform = :platform
    and o.record_id = any(cast(:record_ids as text []))
    and (
        o.state in ('ready', 'retry', 'sending', 'awaiting_receipt', 'unknown')
        or (o.op = 'withdraw' and o.state = 'held')
    )
order by o.outbox_id
