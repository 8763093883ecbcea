-- The last two weeks of business dates, for the links at the top.
select business_date as day, bool_or(state in ('failed', 'missing', 'held')) as bad
from exchange.batch group by business_date order by business_date desc limit 14
