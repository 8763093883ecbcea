-- A person states what became of a shipment that was sent and of which the platform does not say it: nobody is asking about
-- it at the moment, and whoever held it writes nothing any more. No row: it is not, or no longer, such a shipment.
update exchange.shipment set
    state = 'settled',
    code = :code,
    problem = :statement,
    lease_owner = null,
    lease_until = null,
    fence = fence + 1,
    settled_at = coalesce(nullif(current_setting('credit_exchange.now', true), '')::timestamptz, clock_timestamp())
where
    shipment_no = :shipment_no
    and state in ('ready', 'unknown', 'awaiting_receipt')
    and tries > 0
    and (lease_until is null or lease_until < clock_timestamp())
returning shipment_no
