-- Other records of the same document and agency that are going to the platform: they might share a row there.
-- Step by step, each by key: there are nearly always none, and the planner must not begin at the platform's whole outbox.
with ours as materialized (
    select r.record_id, r.agency_code, r.document_key, r.dataset
    from exchange.record as r
    where r.record_id = any(cast(:record_ids as text []))
),

others as materialized (
    select distinct p.record_id
    from ours as r
    cross join lateral (
        select s.record_id
        from exchange.record as s
        where
            s.agency_code = r.agency_code
            and s.document_key = r.document_key
            and s.dataset = r.dataset
            and s.record_id <> r.record_id
        offset 0
    ) as p
)

select o.outbox_id
from others as p
inner join exchange.outbox as o on p.record_id = o.record_id
where
    o.platform = :platform
    and o.op = 'upsert'
    and o.state in ('ready', 'retry', 'sending', 'awaiting_receipt', 'unknown')
order by o.outbox_id
limit 2000
