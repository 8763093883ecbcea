-- Newest generations that wait for a person's decision.
select b.batch_id, b.feed, b.department_name, b.dataset, b.business_date, coalesce(b.problem, '') as problem
from exchange.batch as b
where b.state = 'held'
  and b.waived_by is null
  and not exists (
      select from exchange.batch as newer
      where newer.feed = b.feed and newer.business_date = b.business_date and newer.generation > b.generation
  )
order by b.business_date, b.feed
