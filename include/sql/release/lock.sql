-- One release at a time decides about a part of the records: it is the only writer of their decisions and outbox. No merge
-- goes on beside it: both give records their next version.
select pg_advisory_xact_lock_shared(4201, 0), pg_advisory_xact_lock(4202, :part)
