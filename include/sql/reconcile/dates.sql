-- The decision dates under which records of a data set may lie at a platform: of all that ever had to reach it, and of the
-- contents that those had before.
select distinct d.decided_on
from exchange.record as r
cross join lateral (
    select r.decided_on
    union
    select cast(v.content::jsonb ->> :field as date)
    from exchange.record_version as v
    where r.content_version > 1 and v.record_id = r.record_id and v.content is not null
) as d
where
    r.dataset = :dataset
    and d.decided_on is not null
    and exists (
        select 1 from exchange.release as e
        where e.record_id = r.record_id and e.platform = :platform and e.op is not null
    )
order by d.decided_on
