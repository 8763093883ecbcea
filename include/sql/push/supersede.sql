-- Of these waiting rows, those overtaken by a newer version are not sent any more.
update exchange.outbox as o set
    state = case when n.op = 'upsert' or o.op = 'withdraw' then 'superseded' else 'cancelled' end,
    settled_at = clock_timestamp()
from exchange.outbox as n
where
    o.outbox_id = any(cast(:outbox_ids as bigint []))
    and o.state in ('ready', 'retry')
    and n.platform = o.platform
    and n.record_id = o.record_id
    and n.version > o.version
    and n.state in ('ready', 'retry', 'sending', 'awaiting_receipt', 'unknown', 'delivered')
returning o.outbox_id
