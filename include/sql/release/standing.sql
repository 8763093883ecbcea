-- What was last decided for these records on each platform, and what lies or may lie there.
select
    e.platform,
    e.record_id,
    e.version,
    e.effect,
    e.decision_id,
    e.payload_digest,
    last_there.op as there_op,
    last_there.payload_digest as there_digest,
    last_there.state as there_state,
    waiting.outbox_id as waiting_id,
    waiting.op as waiting_op,
    waiting.payload_digest as waiting_digest
from (
    select distinct on (platform, record_id) platform, record_id, version, effect, decision_id, payload_digest
    from exchange.release
    where record_id = any(:record_ids)
    order by platform, record_id, version desc
) as e
left join lateral (
    select o.op, o.payload_digest, o.state
    from exchange.outbox as o
    where
        o.platform = e.platform
        and o.record_id = e.record_id
        and o.state in ('delivered', 'sending', 'awaiting_receipt', 'unknown')
    order by o.version desc
    limit 1
) as last_there on true
left join lateral (
    select o.outbox_id, o.op, o.payload_digest
    from exchange.outbox as o
    where o.platform = e.platform and o.record_id = e.record_id and o.state in ('ready', 'retry')
    order by o.version desc
    limit 1
) as waiting on true
