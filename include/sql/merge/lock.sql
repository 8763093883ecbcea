-- One merge at a time: two feeds may report the same record, and subjects are shared by all data sets. A release that decides
-- shares it: no merge goes on beside it. Gone with the transaction.
select pg_advisory_xact_lock(4201, 0)
