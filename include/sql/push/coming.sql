-- What of these records is going to the platform.
select o.outbox_id
from exchange.outbox as o
where
    o.platform = :platform
    and o.record_id = any(cast(:record_ids as text []))
    and o.op = 'upsert'
    and o.state in ('ready', 'retry', 'sending', 'awaiting_receipt', 'unknown')
order by o.outbox_id
