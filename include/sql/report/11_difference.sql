-- What a platform shows otherwise than was last delivered to it, as of the last comparison.
create or replace view report.difference as
select
    d.platform,
    r.dataset,
    d.place,
    d.record_id,
    d.kind,
    d.our_version,
    d.their_version,
    n.finished_at as found_at,
    d.repaired_at
from exchange.difference as d
inner join exchange.reconciliation as n on d.reconciliation_id = n.reconciliation_id
left join exchange.record as r on d.record_id = r.record_id
