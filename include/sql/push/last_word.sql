-- What was last delivered of these records, and the line of the shipment that brought or removed it. None of what was refused after
-- the old row had been revoked, nor of what another database may have brought, whose shipments are not here.
select record_id, version, op, lane, shipment_id, line_no
from exchange.last_word
where
    platform = :platform
    and record_id = any(cast(:record_ids as text []))
    and is_taken
    and shipment_id is not null
order by shipment_id, line_no
