-- Rows that are decided before anything is sent: held for a person, rejected by the wire's own rules, or nothing to do.
update exchange.release as o set
    state = v.state,
    outcome_code = v.code,
    outcome_message = v.message,
    settled_at = coalesce(nullif(current_setting('credit_exchange.now', true), '')::timestamptz, clock_timestamp())
from unnest(
    cast(:outbox_ids as bigint []), cast(:states as text []), cast(:codes as text []), cast(:messages as text [])
) as v (outbox_id, state, code, message)
where
    o.outbox_id = v.outbox_id
    and exists (
        select 1 from exchange.outbox as w
        where w.outbox_id = o.outbox_id and w.state in ('ready', 'retry') and not w.under_way
    )
