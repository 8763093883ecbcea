-- Other records of the same document and agency that are going to the platform: they might share a row there.
select distinct o.outbox_id, o.record_id, o.state, o.under_way
from exchange.record as r
inner join exchange.record as p
    on
        r.agency_code = p.agency_code
        and r.document_key = p.document_key
        and r.dataset = p.dataset
        and r.record_id <> p.record_id
inner join exchange.outbox as o on p.record_id = o.record_id
where
    r.record_id = any(cast(:record_ids as text []))
    and o.platform = :platform
    and o.op = 'upsert'
    and o.state in ('ready', 'retry', 'sending', 'awaiting_receipt', 'unknown')
order by o.outbox_id
limit 2000
