-- The rows of a shipment that waited for a retry, under way again; not those that were overtaken meanwhile.
update exchange.outbox as o set state = 'sending'
where
    o.shipment_no = :shipment_no
    and o.state = 'retry'
    and not exists (
        select 1 from exchange.outbox as f
        where
            f.platform = o.platform
            and f.record_id = o.record_id
            and f.outbox_id <> o.outbox_id
            and (
                f.state in ('sending', 'awaiting_receipt', 'unknown')
                or (f.version > o.version and f.state in ('ready', 'retry', 'delivered'))
            )
    )
