-- Rows that wait by themselves (to go afresh, or behind another version) and may go now, of one data set and operation;
-- where :these is given, of these. A takedown goes before what came after it, and is not overtaken by that.
with may as (
    select o.outbox_id, o.priority, o.dataset, o.op, o.record_id, o.version, o.platform, o.most
    from exchange.release as o
    where
        o.platform = :platform
        and o.state in ('waiting', 'retry')
        and o.priority <= :priority
        and (o.not_before is null or o.not_before <= clock_timestamp())
        and o.outbox_id <> all(cast(:skip as bigint []))
        and o.dataset || ' ' || o.op <> all(cast(:stopped as text []))
        and (cast(:these as bigint []) is null or o.outbox_id = any(cast(:these as bigint [])))
        and not exists (
            select 1 from exchange.outbox as f
            where
                f.record_id = o.record_id and f.platform = o.platform
                and (
                    f.under_way
                    or (
                        o.op = 'upsert' and f.op = 'withdraw' and f.version < o.version
                        and f.state in ('ready', 'retry')
                    )
                )
        )
),

head as (
    select m.outbox_id, m.priority, m.dataset, m.op
    from may as m
    order by m.priority, m.outbox_id
    limit 1
)

select
    m.outbox_id,
    m.record_id,
    m.op,
    false as fresh,
    false as blocked,
    (
        select n.op from exchange.outbox as n
        where
            n.record_id = m.record_id and n.platform = m.platform and n.version > m.version
            and n.state not in ('superseded', 'cancelled')
            and (m.op = 'upsert' or n.op = 'withdraw')
        order by n.version desc
        limit 1
    ) as overtaken,
    m.most
from may as m
inner join head as h on m.priority = h.priority and m.dataset = h.dataset and m.op = h.op
order by m.outbox_id
limit :limit
