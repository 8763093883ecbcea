-- State that business dates are not to be exchanged; those with a finished night or one on its way (begun since :since), or
-- stated before, stay as they are.
insert into exchange.skipped_date (business_date, reason, skipped_by, skipped_at)
select d.day::date, :reason, :skipped_by, :now
from generate_series(cast(:first as date), cast(:last as date), interval '1 day') as d (day)
where not exists (
    select from exchange.night as n
    where n.business_date = d.day::date and (n.finished_at is not null or greatest(n.started_at, n.reopened_at) > :since)
)
on conflict (business_date) do nothing
returning business_date
