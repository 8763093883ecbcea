-- The totals of one business date over the newest generation of every feed.
with newest as (
    select distinct on (feed) * from exchange.batch
    where business_date = :business_date
    order by feed, generation desc
)
select count(*) as batches,
       coalesce(sum(rows_delivered), 0)::bigint as rows_delivered,
       coalesce(sum(rows_accepted), 0)::bigint as rows_accepted,
       coalesce(sum(rows_quarantined), 0)::bigint as rows_quarantined,
       coalesce(sum(rows_unchanged), 0)::bigint as rows_unchanged,
       coalesce(sum(rows_held), 0)::bigint as rows_held,
       count(*) filter (where state in ('failed', 'missing')) as batches_failed,
       count(*) filter (where state = 'held') as batches_held
from newest
