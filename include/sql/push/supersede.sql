-- What waits and was overtaken by a newer version that waits, is under way or has arrived: it is not sent any more.
update exchange.outbox as o set
    state = case when n.op = 'upsert' or o.op = 'withdraw' then 'superseded' else 'cancelled' end,
    settled_at = clock_timestamp()
from exchange.outbox as n
where
    o.platform = :platform
    and o.state in ('ready', 'retry')
    and (o.state = 'retry' or o.attempts > 0)
    and n.platform = o.platform
    and n.record_id = o.record_id
    and n.version > o.version
    and n.state in ('ready', 'retry', 'sending', 'awaiting_receipt', 'unknown', 'delivered')
