-- What a drain that ends has not begun is anybody's at once.
update exchange.shipment set lease_owner = null, lease_until = null
where platform = :platform and lease_owner = :owner and state not in ('settled', 'sending')
