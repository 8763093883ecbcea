-- Departments' withdrawals of records that were never delivered: a slip in a number or code, or the record is still to come.
-- Oldest first; the withdrawal that stands, and since when one was there at all. Those that were taken back wait for nothing.
-- Nor do those whose record is known under another code of its subject: it has the order too. What waits under several codes
-- is told of once, by the id that the record would take. Of one feed, or of all; `in_all` counts also those that are not listed.
with lost as (
    select o.record_id
    from exchange.withdrawal_order as o
    where
        not exists (select 1 from exchange.record as r where r.record_id = o.record_id)
        and not exists (
            select 1
            from exchange.one_decision as p
            where
                p.record_id = o.record_id
                and (
                    p.other_id < o.record_id
                    or exists (select 1 from exchange.record as r where r.record_id = p.other_id)
                )
        )
    group by o.record_id
),

standing as (
    select distinct on (o.record_id) o.record_id, o.action, o.batch_id, o.line_no
    from exchange.withdrawal_order as o
    inner join lost as l on o.record_id = l.record_id
    order by o.record_id, o.business_date desc, o.sequence desc, o.action = 'withdraw' desc, o.order_id desc
)

select
    b.feed,
    b.department,
    b.department_name,
    b.dataset,
    b.business_date,
    s.record_id,
    s.batch_id,
    s.line_no,
    f.since,
    count(*) over () as in_all
from standing as s
inner join exchange.batch as b on s.batch_id = b.batch_id
cross join lateral (
    select min(c.collected_at) as since
    from exchange.withdrawal_order as o
    inner join exchange.batch as c on o.batch_id = c.batch_id
    where o.record_id = s.record_id and o.action = 'withdraw'
) as f
where s.action = 'withdraw' and (cast(:feed as text) is null or b.feed = cast(:feed as text))
order by f.since, s.batch_id, s.line_no
limit :size
