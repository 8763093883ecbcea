-- Takedowns that a platform refused since it has something newer (1006, OLD) would be refused in the same version every night: their
-- records go on above all that another database may have given, and are decided anew. Once a night, judged in business time, as
-- push/takedowns_again.
with outdone as (
    select distinct e.record_id
    from exchange.release as e
    inner join unnest(cast(:platforms as text []), cast(:datasets as text [])) as t (platform, dataset)
        on e.platform = t.platform and e.dataset = t.dataset
    where
        e.op = 'withdraw'
        and e.state = 'held'
        and e.outcome_code in ('1006', 'OLD')
        and e.settled_at < cast(:now as timestamptz) - interval '12 hours'
),

raised as (
    update exchange.record as r set
        version = greatest(r.version + 1, exchange.version_of_now())
    from outdone as o
    where r.record_id = o.record_id
    returning r.record_id, r.version, r.status, r.content_digest, r.business_date
)

insert into exchange.record_version (
    record_id, version, reason, status, content_digest, business_date
)
select record_id, version, 'release', status, content_digest, business_date
from raised
