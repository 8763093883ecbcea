-- What the platform said about each record of a shipment.
update exchange.outbox as o set
    state = v.state,
    outcome_code = nullif(v.code, ''),
    outcome_message = nullif(v.message, ''),
    receipt_no = coalesce(:receipt_no, o.receipt_no),
    not_before = case when v.wait > 0 then clock_timestamp() + make_interval(secs => v.wait) end,
    settled_at = case when v.state = 'retry' then null else clock_timestamp() end
from unnest(
    cast(:line_nos as int []),
    cast(:states as text []),
    cast(:codes as text []),
    cast(:messages as text []),
    cast(:waits as float8 [])
) as v (line_no, state, code, message, wait)
where
    o.shipment_no = :shipment_no
    and o.line_no = v.line_no
    and o.state in ('sending', 'awaiting_receipt', 'unknown')
