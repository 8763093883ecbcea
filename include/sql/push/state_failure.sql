-- One more failure in a row; gives whether that is enough to open the circuit: at the limit, and at once when it was only
-- being tried again.
update exchange.platform_state set failures = failures + 1, reason = :reason, changed_at = clock_timestamp()
where platform = :platform
returning failures >= :limit or circuit = 'half_open'
