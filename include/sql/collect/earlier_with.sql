-- Yesterday's file under today's name: the same bytes delivered for an earlier date.
select max(business_date)
from exchange.batch
where feed = :feed and digest = :digest and business_date < :business_date
