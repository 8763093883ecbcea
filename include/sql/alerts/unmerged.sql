-- The feeds of a night (:feeds) of which nothing is merged for its business date, though their tasks may say so: they can be
-- marked as success by hand. With the step that was not done.
select f.feed, case newest.stage when 'validated' then 'merge' when 'collected' then 'validate' else 'collect' end as step
from unnest(cast(:feeds as text[])) as f (feed)
left join lateral (
    select b.stage from exchange.batch as b
    where b.feed = f.feed and b.business_date = :business_date
    order by b.generation desc
    limit 1
) as newest on true
where newest.stage is distinct from 'merged'
order by f.feed
