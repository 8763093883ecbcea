-- Every delivery with shipment, receipt and outcome.
select
    d.platform, d.version, d.op, d.state, d.outcome_code, d.outcome_message, d.attempts, d.shipment_no, d.receipt_no,
    d.first_sent_at, d.settled_at, s.body_digest, s.reply_digest
from report.delivery as d
left join exchange.shipment as s on d.shipment_no = s.shipment_no
where d.record_id = :record_id
order by d.platform, d.version
