-- Waiting rows that a newer version has overtaken are not sent any more.
update exchange.release as o set
    state = case when n.op = 'upsert' or o.op = 'withdraw' then 'superseded' else 'cancelled' end,
    settled_at = coalesce(nullif(current_setting('credit_exchange.now', true), '')::timestamptz, clock_timestamp())
from unnest(cast(:outbox_ids as bigint []), cast(:ops as text [])) as n (outbox_id, op)
where o.outbox_id = n.outbox_id and o.state in ('ready', 'waiting', 'retry')
