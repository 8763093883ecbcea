-- What is usual for a feed's delivery: the median size of its last seven merged batches that were not empty, and what was
-- filled in each of them.
with recent as (
    select distinct on (business_date) business_date, rows_delivered, filled
    from exchange.batch
    where
        feed = :feed
        and business_date <> :business_date
        and stage = 'merged'
        and state in ('complete', 'partial', 'late')
        and rows_delivered > 0
    order by business_date desc, generation desc
    limit 7
)

select
    count(*) as batches,
    percentile_cont(0.5) within group (order by rows_delivered) as usual,
    jsonb_agg(filled order by business_date desc) as filled
from recent
