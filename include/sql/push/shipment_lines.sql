-- The rows of a new shipment, in its order; from now on no other version of these records may leave.
update exchange.outbox as o set
    state = 'sending', shipment_no = :shipment_no, line_no = v.line_no::int, lane = :lane, not_before = null,
    outcome_code = null, outcome_message = null
from unnest(cast(:outbox_ids as bigint [])) with ordinality as v (outbox_id, line_no)
where o.outbox_id = v.outbox_id and o.state in ('ready', 'retry')
