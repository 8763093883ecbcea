-- Runs of which a part ran again after they had ended, long ago, and that were not judged since: cleared without what follows.
-- Another run of the date that ended after that has judged what is there by now.
select n.business_date, n.run_id, n.reopened_at
from exchange.night as n
where
    n.outcome is null
    and n.finished_at is not null
    and n.reopened_at < :since
    and not exists (
        select from exchange.night as k
        where k.business_date = n.business_date and k.outcome is not null and k.finished_at > n.reopened_at
    )
order by n.business_date, n.run_id
