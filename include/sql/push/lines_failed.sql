-- The records of a shipment on which the platform failed as a whole: each goes afresh. The first time as it went, since it may
-- be the platform's fault; then in parts, the smaller the more is known: when since the last step the platform judged
-- something of their data set, lane and operation, it is one of the records, and they take the next step; else three of them
-- are tried by themselves, once. One that fails by itself, and at least three times in all, while others of its kind are
-- judged, is what the platform cannot take.
with failed as (
    select shipment_id, platform, dataset, lane, op, records, tries, first_sent_at
    from exchange.shipment
    where shipment_no = :shipment_no
),

line as (
    select
        r.outbox_id,
        r.most,
        r.attempts + f.tries as attempts,
        coalesce(r.failed_in, f.shipment_id) as failed_in,
        n.first_line + r.outbox_id - n.first_id as line_no
    from failed as f
    inner join exchange.shipment_run as n on f.shipment_id = n.shipment_id
    cross join lateral (
        select k.outbox_id, k.most, k.failed_in, k.attempts
        from exchange.release as k
        where k.outbox_id between n.first_id and n.last_id and k.state = 'ready'
        offset 0 -- whatever the statistics say, by key
    ) as r
),

step as (
    select s.shipment_id, s.records, max(a.finished_at) as failed_at
    from exchange.shipment as s
    inner join exchange.attempt as a on s.shipment_no = a.shipment_no
    where s.shipment_id = (select max(l.failed_in) from line as l)
    group by s.shipment_id
),

known as (
    select
        exists (
            select 1
            from exchange.shipment as k
            where
                k.shipment_id > p.shipment_id
                and k.platform = f.platform
                and k.dataset = f.dataset
                and k.lane = f.lane
                and k.op = f.op
                and k.state = 'settled'
                and k.receipt_no is not null
                and k.sent_at > p.failed_at
        ) as judged,
        p.records as before
    from step as p
    cross join failed as f
),

next as (
    select
        l.outbox_id,
        l.attempts,
        case when l.most is null or k.judged or l.to_try then f.shipment_id else l.failed_in end as failed_in,
        case
            when l.most is null then f.records
            when k.judged and f.records > 100 then cast(ceil(sqrt(f.records)) as int)
            when k.judged then 1
            when not l.to_try then l.most
            when l.line_no in (1, (f.records + 1) / 2, f.records) then 1
            else f.records - 1
        end as most,
        f.records = 1 and k.judged and l.attempts >= 3 as found,
        f.first_sent_at
    from known as k
    cross join failed as f
    cross join lateral (
        -- until the first step a record may travel with as many as when that shipment failed
        select t.*, f.records > 1 and t.most = k.before as to_try
        from line as t
    ) as l
)

update exchange.release as o set
    state = case when n.found is not true then 'retry' when o.op = 'withdraw' then 'held' else 'rejected' end,
    outcome_code = :code,
    outcome_message = case when n.found then :found_message else :message end,
    most = n.most,
    failed_in = n.failed_in,
    attempts = n.attempts,
    first_sent_at = coalesce(o.first_sent_at, n.first_sent_at),
    not_before = case when :wait > 0 then now() + make_interval(secs => :wait) end, -- all at one moment
    settled_at = case
        when n.found then coalesce(nullif(current_setting('credit_exchange.now', true), '')::timestamptz, clock_timestamp())
    end
from next as n
where o.outbox_id = n.outbox_id and o.state = 'ready'
returning o.state
