-- The rows of these lots that wait, in their order; `blocked`: another version is under way there, or an older takedown
-- still has to go; `overtaken` by that op. A takedown is not overtaken by what comes after it: it may have to leave another
-- place than that goes to. What the platform was never told of before cannot be either.
select
    o.outbox_id,
    o.record_id,
    o.op,
    o.fresh,
    case when not o.fresh then exists (
        select 1 from exchange.outbox as f
        where
            f.record_id = o.record_id and f.platform = o.platform
            and (
                f.under_way
                or (
                    o.op = 'upsert' and f.op = 'withdraw' and f.version < o.version and f.state in ('ready', 'retry')
                )
            )
    ) else false end as blocked,
    case when not o.fresh then (
        select n.op from exchange.outbox as n
        where
            n.record_id = o.record_id and n.platform = o.platform and n.version > o.version
            and n.state not in ('superseded', 'cancelled')
            and (o.op = 'upsert' or n.op = 'withdraw')
        order by n.version desc
        limit 1
    ) end as overtaken,
    cast(null as int) as most -- only what went afresh has a bound
from unnest(cast(:first_ids as bigint []), cast(:last_ids as bigint [])) as w (first_id, last_id)
cross join lateral (
    select r.outbox_id, r.platform, r.record_id, r.version, r.op, r.fresh
    from exchange.release as r
    where r.outbox_id between w.first_id and w.last_id and r.platform = :platform and r.state = 'ready'
    offset 0
) as o
order by o.outbox_id
