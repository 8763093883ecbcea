-- The records of a shipment that are under way with it.
select line_no, outbox_id, record_id, version
from exchange.outbox
where shipment_no = :shipment_no and state in ('sending', 'awaiting_receipt', 'unknown')
order by line_no
