-- What is packed, not sent, and held by nobody waits to be sent again: it keeps no takedown back that is to go before. Whoever
-- held it before may not send it any more.
update exchange.shipment set state = 'retry', lease_owner = null, lease_until = null, fence = fence + 1
where
    platform = :platform
    and state = 'ready'
    and op = 'upsert'
    and (lease_until is null or lease_until < clock_timestamp() or lease_owner = any(cast(:dead as text [])))
