-- One writer of calendar and clocks at a time.
select pg_advisory_xact_lock(4203, 0)
