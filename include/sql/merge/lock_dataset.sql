-- One merge per data set at a time: two feeds may report the same record. Gone with the transaction.
select pg_advisory_xact_lock(4201, hashtext(:dataset))
