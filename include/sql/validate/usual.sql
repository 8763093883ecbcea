-- What is usual for a feed's delivery: the median size of the seven merged batches that are nearest to it by date and were not
-- empty, and what was filled in each of them. Of a night these are the last seven; of a day that is taken in later, those of its
-- time.
with earlier as (
    select distinct on (business_date) business_date, rows_delivered, filled
    from exchange.batch
    where
        feed = :feed
        and business_date < :business_date
        and stage = 'merged'
        and state in ('complete', 'partial', 'late')
        and rows_delivered > 0
    order by business_date desc, generation desc
    limit 7
),

later as (
    select distinct on (business_date) business_date, rows_delivered, filled
    from exchange.batch
    where
        feed = :feed
        and business_date > :business_date
        and stage = 'merged'
        and state in ('complete', 'partial', 'late')
        and rows_delivered > 0
    order by business_date asc, generation desc
    limit 7
),

nearest as (
    select b.business_date, b.rows_delivered, b.filled, abs(b.business_date - cast(:business_date as date)) as days
    from (
        select * from earlier
        union all
        select * from later
    ) as b
    order by days, b.business_date
    limit 7
)

select
    count(*) as batches,
    percentile_cont(0.5) within group (order by rows_delivered) as usual,
    jsonb_agg(filled order by days, business_date) as filled
from nearest
