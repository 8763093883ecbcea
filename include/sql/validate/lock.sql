-- One validation of a batch at a time; not a row lock, since the reader notes what it found beside us.
select pg_advisory_xact_lock(4204, cast(:batch_id % 2147483647 as int))
