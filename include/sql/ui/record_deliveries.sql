-- What became of each version at each platform, and which receipt proves it.
select o.platform, o.version, o.op, o.state, o.outcome_code, o.outcome_message, o.attempts, o.shipment_no, o.receipt_no,
       o.first_sent_at, o.settled_at, s.body_digest, s.reply_digest
from exchange.outbox as o left join exchange.shipment as s on s.shipment_no = o.shipment_no
where o.record_id = :record_id order by o.version desc, o.platform
