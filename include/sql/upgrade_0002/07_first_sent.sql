-- When a shipment first left is when its earliest attempt to send began.
update exchange.shipment as s set first_sent_at = a.started_at
from (
    select shipment_no, min(started_at) as started_at from exchange.attempt where kind = 'send' group by shipment_no
) as a
where s.shipment_no = a.shipment_no
