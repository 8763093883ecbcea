-- The newest shipments, those not settled first.
select shipment_no, platform, dataset, op, records, state, tries, receipt_no, problem, created_at, sent_at, settled_at
from exchange.shipment
where cast(:platform as text) is null or platform = cast(:platform as text)
order by (state = 'settled'), created_at desc
limit :size
