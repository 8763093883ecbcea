-- Runs of which a part ran again after they had ended, long ago, and that were not judged since: cleared without what follows.
-- And runs of a date with a finished night that began long ago and never ended (is_new): that date is neither late nor a hole.
-- Another run of the date that ended after that has judged what is there by now.
select
    n.business_date,
    n.run_id,
    b.since,
    n.finished_at is null as is_new
from exchange.night as n
cross join lateral (select coalesce(n.reopened_at, n.started_at) as since) as b
where
    n.outcome is null
    and b.since < :since
    and (
        n.finished_at is not null
        or exists (
            select 1 from exchange.night as f where f.business_date = n.business_date and f.finished_at is not null
        )
    )
    and not exists (
        select 1 from exchange.night as k
        where
            k.business_date = n.business_date
            and k.outcome is not null
            and k.finished_at > b.since
    )
order by n.business_date, n.run_id
