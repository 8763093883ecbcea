-- Every version on its way to every platform, and how far it got.
create view report.delivery as
select
    o.platform,
    o.dataset,
    o.record_id,
    o.version,
    o.op,
    o.state,
    o.outcome_code,
    o.attempts,
    o.shipment_no,
    o.receipt_no,
    o.first_sent_at,
    o.settled_at,
    o.outcome_message,
    o.reason
from exchange.outbox as o
