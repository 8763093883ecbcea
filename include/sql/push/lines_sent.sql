-- The first time these records were about to leave, and how often they were.
update exchange.outbox set
    attempts = attempts + 1, first_sent_at = coalesce(first_sent_at, clock_timestamp())
where shipment_no = :shipment_no and state = 'sending'
