-- Lines of one shipment with consecutive ids and places become one run.
insert into exchange.shipment_run (first_id, last_id, shipment_id, first_line)
select min(l.outbox_id), max(l.outbox_id), l.shipment_id, min(l.line_no)
from (
    select
        outbox_id,
        shipment_id,
        line_no,
        outbox_id - line_no as apart,
        outbox_id - row_number() over (partition by shipment_id, outbox_id - line_no order by outbox_id) as island
    from exchange.shipment_line
) as l
group by l.shipment_id, l.apart, l.island
