-- The business dates that were passed by: no finished night, though that of a later date up to :last is. A row a hole.
-- What was skipped on purpose counts as finished.
-- What comes after the newest finished night is late, not a hole. :first_configured replaces the first night there ever
-- was where it is set: nothing is owed before it. However old a hole is, it stays one.
-- is_quiet: since :quiet_since no night in it or right beside it began or ended, so neither the schedule nor a backfill
-- is on its way through. begun: those of its dates whose night began and never ended.
with known as (
    select coalesce(cast(:first_configured as date), (select min(business_date) from exchange.night)) as first_day
),
finished as (
    select distinct n.business_date as day, known.first_day
    from known
    inner join exchange.night as n on n.business_date between known.first_day and cast(:last as date)
    where n.finished_at is not null
    union
    select s.business_date, known.first_day
    from known
    inner join exchange.skipped_date as s on s.business_date between known.first_day and cast(:last as date)
),
step as (
    select lag(day, 1, first_day - 1) over (order by day) as from_day, day as to_day from finished
)
select
    step.from_day + 1 as first_day,
    step.to_day - 1 as last_day,
    coalesce(max(greatest(n.started_at, n.finished_at)) <= cast(:quiet_since as timestamptz), true) as is_quiet,
    array(
        select distinct b.business_date from exchange.night as b
        where b.business_date > step.from_day and b.business_date < step.to_day
        order by b.business_date
    ) as begun
from step
left join exchange.night as n on n.business_date between step.from_day and step.to_day
where step.to_day - step.from_day > 1
group by step.from_day, step.to_day
order by step.from_day
