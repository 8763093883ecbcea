-- The statutory clocks of every record that may be published: when it turns amber and red, and when it was met. Today is
-- that of business time: the last run's, where CREDIT_EXCHANGE_NOW was set for trying out. Of what was decided before our
-- calendar begins, working days are counted as days, and said to be provisional.
-- What was never sent and is to go nowhere any more (secret after all, withdrawn, expired) has no clock, unless it was overdue
-- before it was withdrawn or expired.
create or replace view report.clock as
with reportable as (
    select distinct e.record_id from exchange.release as e where e.effect = 'send'
),

today as (
    select
        coalesce(
            (select r.digest::timestamptz from exchange.reference as r where r.kind = 'business_now'), now()
        ) at time zone 'Asia/Shanghai' as moment
),

met as (
    select o.record_id, min(o.settled_at) as met_at
    from exchange.outbox as o
    where o.state = 'delivered' and o.op = 'upsert'
    group by o.record_id
),

due as (
    select
        r.dataset,
        r.record_id,
        r.department,
        k.clock,
        r.decided_on as started_on,
        coalesce(amber.day, r.decided_on + k.amber_days) as amber_on,
        coalesce(red.day, r.decided_on + k.red_days) as red_on,
        met.met_at,
        case r.status
            when 'expired' then r.publish_until
            when 'withdrawn' then (
                select o.business_date
                from exchange.withdrawal_order as o
                where o.record_id = r.record_id
                order by o.business_date desc, o.sequence desc, o.action = 'withdraw' desc, o.order_id desc
                limit 1
            )
        end as ended_on
    from exchange.record as r
    inner join exchange.clock_rule as k on r.dataset = k.dataset
    inner join reportable on r.record_id = reportable.record_id
    left join exchange.calendar_day as s on r.decided_on = s.day
    left join exchange.calendar_day as amber
        on k.amber_working and amber.is_workday and amber.ordinal = s.ordinal + k.amber_days
    left join exchange.calendar_day as red
        on k.red_working and red.is_workday and red.ordinal = s.ordinal + k.red_days
    left join met on r.record_id = met.record_id
    where r.decided_on is not null
)

select
    due.dataset,
    due.record_id,
    due.department,
    due.clock,
    due.started_on,
    due.amber_on,
    due.red_on,
    due.met_at,
    case
        when due.met_at is not null and (due.met_at at time zone 'Asia/Shanghai')::date <= due.red_on then 'met'
        when due.met_at is not null then 'met_late'
        when today.moment::date > due.red_on then 'red'
        when today.moment::date > due.amber_on then 'amber'
        else 'running'
    end as state,
    coalesce(e.provisional, true) as provisional
from due
cross join today
left join exchange.calendar_day as e on due.red_on = e.day
where
    due.met_at is not null
    or due.ended_on > due.red_on
    or exists (
        select 1
        from (
            select distinct on (l.platform) l.effect
            from exchange.release as l
            where l.record_id = due.record_id
            order by l.platform asc, l.version desc
        ) as newest
        where newest.effect = 'send'
    )
