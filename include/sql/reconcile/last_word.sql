-- What was last delivered of these records, and the line of the shipment that brought or removed it.
select w.record_id, w.version, w.op, w.lane, w.shipment_id, w.line_no
from (
    select distinct on (o.record_id) o.record_id, o.version, o.op, o.lane, o.state, o.shipment_id, o.line_no
    from exchange.outbox as o
    where
        o.platform = :platform
        and o.record_id = any(cast(:record_ids as text []))
        and (o.state = 'delivered' or (o.state = 'rejected' and o.outcome_code = 'REVOKED'))
    order by o.record_id, o.version desc
) as w
where w.state = 'delivered' and w.shipment_id is not null
order by w.shipment_id, w.line_no
