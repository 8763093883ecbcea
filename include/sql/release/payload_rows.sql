-- Everything a shipment needs of these outbox rows: the content of their version and the decision's treatment.
-- A withdrawal takes the treatment and content of the newest upsert before it, since some wires need its identity.
select
    o.outbox_id,
    o.record_id,
    o.version,
    o.op,
    o.dataset,
    o.payload_digest,
    o.reason,
    r.subject_kind,
    v.content,
    d.drop_fields,
    d.mask_fields
from exchange.outbox as o
inner join exchange.record as r on o.record_id = r.record_id
cross join lateral (
    select max(p.version) as version
    from exchange.release as p
    where
        p.platform = o.platform
        and p.record_id = o.record_id
        and p.version <= o.version
        and p.effect = 'send'
) as sent
inner join exchange.release as e
    on o.platform = e.platform and o.record_id = e.record_id and sent.version = e.version
inner join exchange.decision as d on e.decision_id = d.decision_id
cross join lateral (
    select w.content
    from exchange.record_version as w
    where w.record_id = o.record_id and w.version <= e.version and w.content is not null
    order by w.version desc
    limit 1
) as v
where o.platform = :platform and o.outbox_id = any(:outbox_ids)
order by o.outbox_id
