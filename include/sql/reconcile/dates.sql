-- The decision dates under which records of a data set may lie at a platform: of all that there are, and of the contents that those
-- had before. Not only of what was sent from here: a database that was restored does not know what the lost one had sent.
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
order by d.decided_on
