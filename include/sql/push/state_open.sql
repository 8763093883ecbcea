-- Stops all calls to the platform at once (it does not work, or refuses the credentials).
update exchange.platform_state set
    circuit = 'open',
    open_until = clock_timestamp() + make_interval(secs => :seconds),
    reason = :reason,
    failures = greatest(failures, 1),
    changed_at = clock_timestamp()
where platform = :platform
