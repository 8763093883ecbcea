-- What was collected for a night and is not merged, though its tasks may say so: they can be marked as success by hand. With
-- the step that was not done.
select feed, case stage when 'collected' then 'validate' else 'merge' end as step
from (
    select distinct on (b.feed) b.feed, b.stage
    from exchange.batch as b
    where b.business_date = :business_date
    order by b.feed, b.generation desc
) as newest
where stage in ('collected', 'validated')
order by feed
