-- What differs counts as lying there in a form that nobody knows, so that the next release sends it again or takes it down; and its
-- record goes on at a version above the platform's. Not what is no record of ours, nor what has a version that no newer one
-- of ours can have: that is for a person. Gives the records.
with wanted as (
    select d.record_id, max(d.their_version) as their_version
    from exchange.difference as d
    where d.platform = :platform and d.kind <> 'unknown' and coalesce(d.their_version, 0) < 2000000000
    group by d.record_id
),

newest as (
    select distinct on (o.record_id) o.record_id, o.version, w.their_version
    from wanted as w
    inner join exchange.outbox as o on w.record_id = o.record_id
    where
        o.platform = :platform
        and (
            o.state = 'delivered'
            or (o.state = 'rejected' and o.outcome_code = 'REVOKED')
            or (o.state = 'held' and o.op = 'upsert' and o.outcome_code in ('1006', 'OLD'))
        )
    order by o.record_id, o.version desc
),

marked as (
    update exchange.release as e set
        outcome_code = 'RESTORED',
        outcome_message = '平台的清单与此不一致，重新上报或撤下',
        state = case when e.state = 'held' then 'delivered' else e.state end,
        payload_digest = case when e.state = 'held' then '' else e.payload_digest end
    from newest as n
    where e.platform = :platform and e.record_id = n.record_id and e.version = n.version
),

raised as (
    update exchange.record as r set version = greatest(r.version, n.their_version::int) + 1
    from newest as n
    where r.record_id = n.record_id
    returning r.record_id, r.version, r.status, r.content_digest, r.business_date
)

insert into exchange.record_version (record_id, version, reason, status, content_digest, business_date)
select r.record_id, r.version, 'release', r.status, r.content_digest, r.business_date
from raised as r
returning record_id
