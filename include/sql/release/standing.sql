-- What was last decided for these records on each platform, and what lies or may lie there, or waits to go there. What was
-- refused after the old row had been revoked for it is a takedown: nothing lies there any more. Where the platform says
-- that it has something newer than was sent (信用福州 1006, 信用福建 OLD), something lies there, whoever brought it; and where another
-- database may have sent something since (RESTORED), something counts as lying there: both in a form that nobody knows, so that the
-- next version goes there.
select
    e.platform,
    e.record_id,
    e.version,
    e.effect,
    e.payload_digest,
    last_there.op as there_op,
    last_there.outbox_id as there_id,
    last_there.payload_digest as there_digest,
    last_there.lane as there_lane,
    exists (
        select 1 from exchange.outbox as o
        where
            o.record_id = e.record_id and o.platform = e.platform and o.state in ('ready', 'retry', 'held')
            and not o.under_way
    ) as waiting
from (
    select distinct on (record_id, platform) platform, record_id, version, effect, payload_digest
    from exchange.release
    where record_id = any(:record_ids)
    order by record_id, platform, version desc
) as e
left join lateral (
    select
        case when o.outcome_code = 'RESTORED' then 'upsert' when o.state = 'rejected' then 'withdraw' else o.op end as op,
        o.outbox_id,
        case when o.outcome_code = 'RESTORED' or o.state = 'held' then '' else o.payload_digest end as payload_digest,
        o.lane
    from exchange.outbox as o
    where
        o.record_id = e.record_id and o.platform = e.platform
        and (
            o.state = 'delivered'
            or o.under_way
            or (o.state = 'rejected' and o.outcome_code = 'REVOKED')
            or (o.state = 'held' and o.op = 'upsert' and o.outcome_code in ('1006', 'OLD'))
        )
    order by o.version desc
    limit 1
) as last_there on true
