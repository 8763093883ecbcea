-- Lets calls through again to try the platform; the first failure opens the circuit again.
update exchange.platform_state set circuit = 'half_open', changed_at = clock_timestamp()
where platform = :platform and circuit = 'open' and (:at_once or open_until is null or open_until <= clock_timestamp())
