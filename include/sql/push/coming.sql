-- What of these records is going to the platform; and the takedowns that it has not taken yet, so that none removes what came
-- meanwhile. What is :arriving is under way and not to be taken down: the platform may have it by now.
select o.outbox_id
from exchange.outbox as o
where
    o.platform = :platform
    and o.record_id = any(cast(:record_ids as text []))
    and (not :arriving or (o.under_way and o.op = 'upsert'))
    and (
        o.state in ('ready', 'retry', 'sending', 'awaiting_receipt', 'unknown')
        or (o.op = 'withdraw' and o.state = 'held')
    )
order by o.outbox_id
