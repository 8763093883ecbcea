-- Rows that are decided before anything is sent: held for a person, rejected by the wire's own rules, or nothing to do.
update exchange.outbox as o set
    state = v.state,
    outcome_code = v.code,
    outcome_message = v.message,
    settled_at = clock_timestamp()
from unnest(
    cast(:outbox_ids as bigint []), cast(:states as text []), cast(:codes as text []), cast(:messages as text [])
) as v (outbox_id, state, code, message)
where o.outbox_id = v.outbox_id and o.state in ('ready', 'retry')
