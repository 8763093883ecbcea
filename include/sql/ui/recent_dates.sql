-- The last two weeks of business dates, for the links at the top; the newest generation of a feed counts.
select business_date as day,
       bool_or(state in ('failed', 'missing')) as bad,
       bool_or(state = 'held' or rows_held > 0) as care
from (
    select distinct on (business_date, feed) business_date, state, rows_held
    from exchange.batch
    where business_date in (
        select distinct business_date from exchange.batch
        where business_date > (select max(business_date) - 60 from exchange.batch)
        order by business_date desc limit 14
    )
    order by business_date, feed, generation desc
) as newest
group by business_date order by business_date desc
