-- The platform took a shipment: the circuit is closed.
update exchange.platform_state set
    circuit = 'closed', failures = 0, open_until = null, reason = null, changed_at = clock_timestamp()
where platform = :platform and (circuit <> 'closed' or failures > 0)
