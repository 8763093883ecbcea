-- Where these records lie at the platform: the shipment and line that brought them last. None whose last word was a takedown,
-- or a refusal after the old row had been revoked; nor what another database may have brought, whose shipments are not here.
select record_id, shipment_id, line_no
from exchange.last_word
where
    platform = :platform
    and record_id = any(cast(:record_ids as text []))
    and is_shown
    and shipment_id is not null
order by shipment_id, line_no
