-- What waits and is overtaken before it was ever sent: superseded by a newer version, cancelled by a takedown.
update exchange.release as o set
    state = case when w.op = 'upsert' or o.op = 'withdraw' then 'superseded' else 'cancelled' end,
    settled_at = coalesce(nullif(current_setting('credit_exchange.now', true), '')::timestamptz, clock_timestamp())
from exchange.outbox as v
inner join unnest(
    cast(:platforms as text []), cast(:record_ids as text []), cast(:versions as int []), cast(:ops as text [])
) as w (platform, record_id, version, op)
    on v.platform = w.platform and v.record_id = w.record_id
where
    v.version < w.version
    and v.state in ('ready', 'retry', 'held')
    and not v.under_way
    and o.record_id = v.record_id
    and o.platform = v.platform
    and o.version = v.version
