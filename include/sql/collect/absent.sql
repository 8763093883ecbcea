-- The newest business dates of a feed for which nothing was delivered and nobody waits, since its contract allows it: what is
-- delivered for them after all, no night collects by itself. Dates of which that was told (:told) are looked at however old they are.
select newest.business_date
from (
    select distinct on (b.business_date) b.business_date, b.stage, b.landed_uri, b.waived_by
    from exchange.batch as b
    where
        b.feed = :feed
        and b.business_date in (
            (
                select distinct d.business_date
                from exchange.batch as d
                where d.feed = :feed
                order by d.business_date desc
                limit :days
            )
            union all
            select unnest(cast(:told as date []))
        )
    order by b.business_date desc, b.generation desc
) as newest
where newest.stage = 'merged' and newest.landed_uri is null and newest.waived_by is null
order by newest.business_date
