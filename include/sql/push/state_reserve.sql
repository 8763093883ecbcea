-- Takes the next call slot of the platform, shared by all workers; no row when the circuit is open or the slot too far off.
update exchange.platform_state set
    next_call_at = greatest(next_call_at, clock_timestamp()) + make_interval(secs => :interval)
where
    platform = :platform
    and circuit <> 'open'
    and next_call_at <= clock_timestamp() + make_interval(secs => :patience)
returning
    greatest(0, extract(epoch from next_call_at - make_interval(secs => :interval) - clock_timestamp()))::float8
