-- One release at a time: it is the only writer of decisions and of the outbox.
select pg_advisory_xact_lock(4202, 0)
