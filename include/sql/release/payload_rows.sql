-- What a shipment needs of these rows of the outbox, given as runs of ids: their decision and the content of their version.
-- A withdrawal takes both of the upsert that arrived last (else the newest before it): some wires need its identity, or
-- who it was about then.
select
    o.outbox_id,
    o.record_id,
    o.version,
    o.op,
    o.dataset,
    o.payload_digest,
    o.reason,
    coalesce(e.decision_id, o.decision_id) as decision_id,
    v.content
from unnest(cast(:first_ids as bigint []), cast(:last_ids as bigint [])) as n (first_id, last_id)
cross join lateral (
    select r.outbox_id, r.platform, r.record_id, r.version, r.op, r.dataset, r.payload_digest, r.reason, r.decision_id
    from exchange.release as r
    where r.outbox_id between n.first_id and n.last_id
    offset 0 -- whatever the statistics say, by key
) as o
left join lateral (
    select p.decision_id, p.version
    from exchange.release as p
    where
        o.op = 'withdraw' and p.record_id = o.record_id and p.platform = o.platform and p.version <= o.version
        and p.effect = 'send'
    order by
        exists (select 1 from exchange.outbox as d where d.outbox_id = p.outbox_id and d.state = 'delivered') desc,
        p.version desc
    limit 1
) as e on true
cross join lateral (
    select w.content
    from exchange.record_version as w
    where w.record_id = o.record_id and w.version <= coalesce(e.version, o.version) and w.content is not null
    order by w.version desc
    limit 1
) as v
where o.op = 'upsert' or e.version is not null
order by o.outbox_id
