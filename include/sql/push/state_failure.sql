-- One more failure in a row; the circuit opens at the limit, and at once when it was only being tried again.
update exchange.platform_state set
    failures = failures + 1,
    circuit = case when failures + 1 >= :limit or circuit = 'half_open' then 'open' else circuit end,
    open_until = case
        when failures + 1 >= :limit or circuit = 'half_open' then clock_timestamp() + make_interval(secs => :seconds)
        else open_until
    end,
    reason = :reason,
    changed_at = clock_timestamp()
where platform = :platform
returning circuit
