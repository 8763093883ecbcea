-- Why the newest try of each platform failed, and for which business date; nothing where it has succeeded since.
select distinct on (c.part) substring(c.part from length('platform ') + 1) as platform, n.business_date, c.cause
from exchange.night as n
cross join jsonb_each_text(n.causes) as c (part, cause)
where starts_with(c.part, 'platform ')
order by c.part, greatest(n.started_at, n.reopened_at) desc
