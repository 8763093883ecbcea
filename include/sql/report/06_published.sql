-- What must be visible on each platform now: the newest delivered version, unless a later withdrawal was delivered, or a
-- later version refused after the old row had been revoked for it (信用中国, a changed identity).
create or replace view report.published as
select
    last.platform,
    last.dataset,
    last.record_id,
    last.version,
    last.payload_digest as content_digest,
    last.settled_at as since
from (
    select distinct on (o.platform, o.record_id)
        o.platform, o.dataset, o.record_id, o.version, o.op, o.payload_digest, o.settled_at, o.state
    from exchange.outbox as o
    where o.state = 'delivered' or (o.state = 'rejected' and o.outcome_code = 'REVOKED')
    order by o.platform, o.record_id, o.version desc
) as last
where last.op = 'upsert' and last.state = 'delivered'
