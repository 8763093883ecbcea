-- In which places (lanes) of the platform these records lie, the one that they came to first before others: those whose last
-- word there was no takedown, or of which nobody knows any more what came of it (RESTORED).
select n.record_id, n.lane
from (
    select distinct on (o.record_id, o.lane) o.record_id, o.lane, o.op, o.outcome_code, o.version
    from exchange.outbox as o
    where
        o.platform = :platform and o.record_id = any(cast(:record_ids as text [])) and o.state = 'delivered'
        and o.lane <> ''
    order by o.record_id, o.lane, o.version desc
) as n
where n.op = 'upsert' or n.outcome_code = 'RESTORED'
order by n.record_id, n.version
