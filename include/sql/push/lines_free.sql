-- How many records of a shipment that waited for a retry may still go with it: not those overtaken meanwhile.
select count(*)
from exchange.shipment_run as n
inner join exchange.release as o on o.outbox_id between n.first_id and n.last_id
where
    n.shipment_id = :shipment_id
    and o.state = 'ready'
    and not exists (
        select 1 from exchange.outbox as f
        where
            f.platform = o.platform
            and f.record_id = o.record_id
            and f.outbox_id <> o.outbox_id
            and (f.under_way or (f.version > o.version and f.state in ('ready', 'retry', 'delivered')))
    )
