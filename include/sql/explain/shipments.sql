-- The shipments that carried this record, with the platform's sealed replies.
select distinct s.shipment_no, s.platform, s.body_digest, s.reply_digest, s.receipt_no, s.reply_sealed
from exchange.outbox as o
inner join exchange.shipment as s on o.shipment_no = s.shipment_no
where o.record_id = :record_id and s.reply_sealed is not null
order by s.shipment_no
