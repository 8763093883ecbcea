-- Records whose standing order or end of publication no longer fits their status: they take the next version. Only
-- records with an order, and current ones whose end has come, can be such: the others are not looked at. Each of hundreds of merges
-- a night looks at those with an order that is new; the release before it decides, at :every record with an order, and at the ends:
-- until then what waits of a record whose end has come must be seen to be that (release/ended).
with asked as (
    select n.record_id
    from exchange.withdrawal_order as n
    where cast(:every as boolean) or not n.applied
    union
    select r.record_id
    from exchange.record as r
    where cast(:every as boolean) and r.status = 'current' and r.publish_until < :today
),

standing as (
    select distinct on (o.record_id) o.record_id, o.action, o.reason
    from exchange.withdrawal_order as o
    inner join asked as a on o.record_id = a.record_id
    order by o.record_id, o.business_date desc, o.sequence desc, o.action = 'withdraw' desc, o.order_id desc
),

due as (
    select
        r.record_id,
        r.version + 1 as version,
        r.content_digest,
        r.business_date,
        s.reason as note,
        case
            when s.action = 'withdraw' then 'withdrawn'
            when r.publish_until < :today then 'expired'
            else 'current'
        end as status
    from asked as a
    left join standing as s on a.record_id = s.record_id
    cross join lateral (
        select k.record_id, k.version, k.status, k.content_digest, k.business_date, k.publish_until
        from exchange.record as k
        where k.record_id = a.record_id
        offset 0 -- by key: a merge would read the table of records whole
    ) as r
    where
        (r.status = 'current' and r.publish_until < :today)
        or (s.action = 'withdraw' and r.status <> 'withdrawn')
        or (s.action is distinct from 'withdraw' and r.status = 'withdrawn')
),

changed as (
    update exchange.record set version = due.version, status = due.status
    from due
    where exchange.record.record_id = due.record_id
),

looked_at as (
    update exchange.withdrawal_order set applied = true
    where not applied
)

insert into exchange.record_version (
    record_id, version, reason, status, content_digest, business_date, note
)
select
    record_id, version,
    case when status = 'withdrawn' then 'withdrawal' when status = 'expired' then 'expiry' else 'reinstatement' end,
    status, content_digest, business_date, note
from due
