-- How many records took their newest version from a delivery of a business date, or from its department's order, and no platform
-- has a decision about it: merged, and 发布 did not run after that. What merges of other nights make of records of this date is
-- theirs, and what a release makes is decided by the next. :datasets are those that any platform takes.
with told as (
    select v.record_id, v.version
    from exchange.record_version as v
    where v.business_date = :business_date and v.reason = 'content'
    union
    select v.record_id, v.version
    from exchange.withdrawal_order as o
    inner join exchange.record_version as v on o.record_id = v.record_id
    where
        o.business_date = :business_date
        and o.authority = 'department'
        and v.reason in ('withdrawal', 'reinstatement')
        and not exists (
            select from exchange.withdrawal_order as later
            where later.record_id = o.record_id and (later.business_date, later.sequence) > (o.business_date, o.sequence)
        )
)

select count(*) as records
from told
inner join exchange.record as r on told.record_id = r.record_id and told.version = r.version
where
    r.dataset = any(cast(:datasets as text []))
    and not exists (
        select from exchange.release as e where e.record_id = told.record_id and e.version = told.version
    )
