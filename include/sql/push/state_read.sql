-- How the platform stands: its circuit, and how long until it may be called (real time of the database).
select
    circuit,
    failures,
    reason,
    greatest(0, extract(epoch from next_call_at - clock_timestamp()))::float8 as wait_seconds,
    greatest(0, extract(epoch from coalesce(open_until, clock_timestamp()) - clock_timestamp()))::float8 as open_seconds
from exchange.platform_state
where platform = :platform
