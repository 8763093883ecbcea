-- The rows of new shipments, in their order; from now on no other version of these records may leave.
insert into exchange.shipment_line (outbox_id, shipment_id, line_no)
select v.outbox_id, v.shipment_id, v.line_no
from unnest(cast(:outbox_ids as bigint []), cast(:shipment_ids as bigint []), cast(:line_nos as int [])) as v (
    outbox_id, shipment_id, line_no
)
on conflict (outbox_id) do update set shipment_id = excluded.shipment_id, line_no = excluded.line_no
