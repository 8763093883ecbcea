-- The platform asked everybody to wait (429, busy).
update exchange.platform_state set
    next_call_at = greatest(next_call_at, clock_timestamp() + make_interval(secs => :seconds))
where platform = :platform
