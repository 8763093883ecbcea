-- What must be visible on each platform now: the newest delivered version, unless a later withdrawal was delivered.
create view report.published as
select
    last.platform,
    last.dataset,
    last.record_id,
    last.version,
    last.payload_digest as content_digest,
    last.settled_at as since
from (
    select distinct on (o.platform, o.record_id)
        o.platform, o.dataset, o.record_id, o.version, o.op, o.payload_digest, o.settled_at
    from exchange.outbox as o
    where o.state = 'delivered'
    order by o.platform, o.record_id, o.version desc
) as last
where last.op = 'upsert'
