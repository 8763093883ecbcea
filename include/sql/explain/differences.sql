-- What platforms showed of a record otherwise than was delivered, when they were last compared.
select d.platform, d.kind, d.our_version, d.their_version, n.finished_at as compared_at, d.repaired_at, n.repaired_by
from exchange.difference as d
inner join exchange.reconciliation as n on d.reconciliation_id = n.reconciliation_id
where d.record_id = :record_id
order by d.platform, d.place
