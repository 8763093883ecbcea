-- Still ours? Then for a while longer. No row: another process has taken it over.
update exchange.shipment set lease_until = clock_timestamp() + make_interval(secs => :lease)
where shipment_no = :shipment_no and fence = :fence and lease_owner = :owner
