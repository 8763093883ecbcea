-- One release at a time decides about a part of the records: it is the only writer of their decisions and outbox.
select pg_advisory_xact_lock(4202, :part)
