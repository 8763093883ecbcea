-- How many records of a shipment that waited to be sent may still go with it: not those overtaken meanwhile.
select count(*)
from exchange.shipment_run as n
cross join lateral (
    select r.outbox_id, r.platform, r.record_id, r.version, r.op
    from exchange.release as r
    where r.outbox_id between n.first_id and n.last_id and r.state = 'ready'
    offset 0 -- whatever the statistics say, by key
) as o
where
    n.shipment_id = :shipment_id
    and not exists (
        select 1 from exchange.outbox as f
        where
            f.platform = o.platform
            and f.record_id = o.record_id
            and f.outbox_id <> o.outbox_id
            and (
                f.under_way
                or (
                    f.version > o.version
                    and f.state not in ('superseded', 'cancelled')
                    and (o.op = 'upsert' or f.op = 'withdraw') -- a takedown is not overtaken by what comes after it
                )
            )
    )
