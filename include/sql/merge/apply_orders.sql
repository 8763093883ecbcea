-- Records whose standing order or end of publication no longer fits their status: they take the next version. Only
-- records with an order, and current ones whose end has come, can be such: the others are not looked at.
with standing as (
    select distinct on (o.record_id) o.record_id, o.action, o.reason
    from exchange.withdrawal_order as o
    order by o.record_id, o.business_date desc, o.sequence desc, o.action = 'withdraw' desc, o.order_id desc
),

candidate as (
    select standing.record_id
    from standing
    cross join lateral (
        select k.status
        from exchange.record as k
        where k.record_id = standing.record_id
        offset 0 -- by key: each of hundreds of merges a night would read the table of records whole
    ) as r
    where
        r.status <> 'held'
        and (
            (standing.action = 'withdraw' and r.status <> 'withdrawn')
            or (standing.action is distinct from 'withdraw' and r.status = 'withdrawn')
        )
    union
    select r.record_id
    from exchange.record as r
    where r.status = 'current' and r.publish_until < :today
),

due as (
    select
        r.record_id,
        r.version + 1 as version,
        r.status as old_status,
        r.content_digest,
        r.business_date,
        standing.reason as note,
        case
            when standing.action = 'withdraw' then 'withdrawn'
            when r.publish_until < :today then 'expired'
            else 'current'
        end as status
    from candidate
    cross join lateral (
        select k.record_id, k.version, k.status, k.content_digest, k.business_date, k.publish_until
        from exchange.record as k
        where k.record_id = candidate.record_id
        offset 0
    ) as r
    left join standing on r.record_id = standing.record_id
),

changed as (
    update exchange.record set version = due.version, status = due.status
    from due
    where exchange.record.record_id = due.record_id
)

insert into exchange.record_version (
    record_id, version, reason, status, content_digest, business_date, note
)
select
    record_id, version,
    case when status = 'withdrawn' then 'withdrawal' when status = 'expired' then 'expiry' else 'reinstatement' end,
    status, content_digest, business_date, note
from due
