-- The rows of new shipments; from now on no other version of these records may leave.
insert into exchange.shipment_run (first_id, last_id, shipment_id, first_line)
select n.first_id, n.last_id, n.shipment_id, n.first_line
from unnest(
    cast(:first_ids as bigint []),
    cast(:last_ids as bigint []),
    cast(:shipment_ids as bigint []),
    cast(:first_lines as int [])
) as n (first_id, last_id, shipment_id, first_line)
