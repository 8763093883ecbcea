-- Why parts of a night failed, as its steps recorded it: feeds by the newest generation of their batch, platforms that are not
-- called at the moment. People who are told that a part failed are told why.
select 'feed ' || b.feed as part, b.problem as cause
from (
    select distinct on (feed) feed, problem
    from exchange.batch
    where business_date = :business_date
    order by feed, generation desc
) as b
where b.problem <> ''
union all
select 'platform ' || platform, reason
from exchange.platform_state
where circuit <> 'closed' and reason <> ''
