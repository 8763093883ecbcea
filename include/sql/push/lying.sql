-- Where these records lie at the platform: the shipment and line that brought them last. None whose last word was a takedown,
-- or a refusal after the old row had been revoked; nor what another database may have brought, whose shipments are not here.
select n.record_id, n.shipment_id, n.line_no
from (
    select distinct on (o.record_id) o.record_id, o.op, o.shipment_id, o.line_no, o.state
    from exchange.outbox as o
    where
        o.platform = :platform and o.record_id = any(cast(:record_ids as text []))
        and (o.state = 'delivered' or (o.state = 'rejected' and o.outcome_code = 'REVOKED'))
    order by o.record_id, o.version desc
) as n
where n.op = 'upsert' and n.state = 'delivered' and n.shipment_id is not null
order by n.shipment_id, n.line_no
