-- The business dates up to :last that have no finished night and were not skipped on purpose, since the first night there
-- ever was (30 days at most).
-- :first_configured replaces the first night where it is set, so that a scheduler that never started is missed too.
-- Without either nothing is expected yet.
with known as (
    select coalesce(cast(:first_configured as date), (select min(business_date) from exchange.night)) as first_day
),
bounds as (
    select greatest(first_day, cast(:last as date) - 30) as first_day from known where first_day is not null
)
select cast(day as date) as day
from bounds, generate_series(bounds.first_day, cast(:last as date), interval '1 day') as day
where not exists (
    select from exchange.night as n where n.business_date = cast(day as date) and n.finished_at is not null
)
and not exists (select from exchange.skipped_date as s where s.business_date = cast(day as date))
order by day
