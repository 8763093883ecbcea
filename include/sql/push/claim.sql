-- The next rows of one data set and operation, takedowns first, then oldest first; never two versions of a record at once.
with head as materialized (
    select o.outbox_id, o.priority, o.dataset, o.op
    from exchange.outbox as o
    where
        o.platform = :platform
        and o.state in ('ready', 'retry')
        and o.priority <= :priority
        and (o.not_before is null or o.not_before <= clock_timestamp())
        and o.outbox_id <> all(cast(:skip as bigint []))
        and not exists (
            select 1 from exchange.outbox as f
            where
                f.platform = o.platform
                and f.record_id = o.record_id
                and f.state in ('sending', 'awaiting_receipt', 'unknown')
        )
        and not exists (
            select 1 from exchange.shipment as s where s.shipment_no = o.shipment_no and s.state = 'retry'
        )
    order by o.priority, o.outbox_id
    limit 1
    for update of o skip locked
)

select o.outbox_id, o.record_id, o.version, o.op, o.dataset
from exchange.outbox as o
where
    o.platform = :platform
    and o.state in ('ready', 'retry')
    and o.priority = (select h.priority from head as h)
    and o.dataset = (select h.dataset from head as h)
    and o.op = (select h.op from head as h)
    and o.outbox_id >= (select h.outbox_id from head as h)
    and (o.not_before is null or o.not_before <= clock_timestamp())
    and o.outbox_id <> all(cast(:skip as bigint []))
    and not exists (
        select 1 from exchange.outbox as f
        where
            f.platform = o.platform
            and f.record_id = o.record_id
            and f.state in ('sending', 'awaiting_receipt', 'unknown')
    )
    and not exists (
        select 1 from exchange.shipment as s where s.shipment_no = o.shipment_no and s.state = 'retry'
    )
order by o.outbox_id
limit :limit
for update of o skip locked
