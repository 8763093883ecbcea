-- The shipments that carried this record, sealed, with the platform's sealed replies.
select distinct s.shipment_no, s.platform, s.body_digest, s.reply_digest, s.receipt_no, s.body_sealed, s.reply_sealed
from exchange.outbox as o
inner join exchange.shipment as s on o.shipment_no = s.shipment_no
where o.record_id = :record_id
order by s.shipment_no
