-- The last two weeks of business dates, for the links at the top and the comparison at the bottom of the night's page; the
-- newest generation of a feed counts. What a run without a verdict has not reached yet is not in trouble. A date is bad as well
-- where a platform or a step of its newest run failed and has not succeeded since. What is not waited
-- for any more is no trouble of its date.
with chosen as (
    select distinct business_date
    from exchange.batch
    where business_date > (select max(business_date) - 60 from exchange.batch)
    order by business_date desc
    limit 14
),
night as (
    select distinct on (business_date)
        business_date,
        finished_at,
        outcome is null as is_open,
        exists (select from jsonb_object_keys(causes) as c (part) where not starts_with(c.part, 'feed ')) as has_failed
    from exchange.night
    where business_date in (select business_date from chosen)
    order by business_date, greatest(started_at, reopened_at) desc
),
newest as (
    select distinct on (business_date, feed)
        business_date,
        case when waived_by is null then state else 'waived' end as state,
        problem,
        rows_delivered,
        rows_accepted,
        rows_unchanged,
        rows_quarantined,
        rows_held
    from exchange.batch
    where business_date in (select business_date from chosen)
    order by business_date, feed, generation desc
)
select
    b.business_date as day,
    min(n.finished_at) as finished_at,
    coalesce(bool_or(n.is_open), false) as is_open,
    bool_or(
        b.state = 'missing'
        or b.state = 'failed' and (b.problem is not null or n.is_open is not true)
        or n.has_failed is true
    ) as bad,
    bool_or(b.state = 'held' or b.state <> 'waived' and b.rows_held > 0) as care,
    count(*) filter (where b.state = 'missing') as missing,
    count(*) filter (where b.state = 'failed' and (b.problem is not null or n.is_open is not true)) as failed,
    count(*) filter (where b.state = 'held') as held,
    count(*) filter (where b.state = 'late') as late,
    cast(sum(b.rows_delivered) as bigint) as rows_delivered,
    cast(sum(b.rows_accepted) as bigint) as rows_accepted,
    cast(sum(b.rows_unchanged) as bigint) as rows_unchanged,
    cast(sum(b.rows_quarantined) as bigint) as rows_quarantined,
    cast(sum(b.rows_held) as bigint) as rows_held
from newest as b
left join night as n on b.business_date = n.business_date
group by b.business_date
order by b.business_date desc
