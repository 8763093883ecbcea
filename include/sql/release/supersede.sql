-- What waits and is overtaken before it was ever sent: superseded by a newer version, cancelled by a takedown.
update exchange.outbox set
    state = case when w.op = 'upsert' or exchange.outbox.op = 'withdraw' then 'superseded' else 'cancelled' end,
    settled_at = clock_timestamp()
from written as w
where
    w.cancel
    and exchange.outbox.platform = w.platform
    and exchange.outbox.record_id = w.record_id
    and exchange.outbox.version < w.version
    and exchange.outbox.state in ('ready', 'retry', 'held')
