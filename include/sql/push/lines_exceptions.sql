-- What the platform said about those records of a shipment that did not fare like the rest of it.
update exchange.release as o set
    state = v.state,
    outcome_code = nullif(v.code, ''),
    outcome_message = nullif(v.message, ''),
    receipt_no = coalesce(s.receipt_no, o.receipt_no),
    attempts = o.attempts + s.tries,
    first_sent_at = coalesce(o.first_sent_at, s.first_sent_at),
    not_before = case when v.wait > 0 then clock_timestamp() + make_interval(secs => v.wait) end,
    settled_at = case
        when v.state <> 'retry'
            then coalesce(nullif(current_setting('credit_exchange.now', true), '')::timestamptz, clock_timestamp())
    end
from exchange.shipment as s
cross join unnest(
    cast(:outbox_ids as bigint []),
    cast(:states as text []),
    cast(:codes as text []),
    cast(:messages as text []),
    cast(:waits as float8 [])
) as v (outbox_id, state, code, message, wait)
where s.shipment_no = :shipment_no and o.outbox_id = v.outbox_id and o.state = 'ready'
