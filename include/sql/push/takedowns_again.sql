-- Takedowns that the platform did not take go again, once a night: nobody else would order them anew, and what lies there
-- harms somebody. What was held back behind them waits for them again. Judged in business time, as nights are.
with again as (
    update exchange.release as o set state = 'retry', not_before = null, settled_at = null
    where
        o.platform = :platform and o.op = 'withdraw' and o.state = 'held'
        and o.settled_at < cast(:now as timestamptz) - interval '12 hours'
    returning o.record_id, o.version
)

update exchange.release as n set state = 'waiting', settled_at = null
from again as a
where
    n.record_id = a.record_id and n.platform = :platform and n.version > a.version
    and n.op = 'upsert' and n.state = 'held' and n.outcome_code = 'PLACE'
