-- The newest calls that carried this record, or asked after it; `in_all` counts all of them.
select a.shipment_no, a.kind, a.started_at, a.finished_at, a.outcome, a.http_status, a.code, count(*) over () as in_all
from exchange.attempt as a
where a.shipment_no in (select o.shipment_no from exchange.outbox as o where o.record_id = :record_id)
order by a.attempt_id desc limit 100
