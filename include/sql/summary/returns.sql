-- A department's open quarantined rows with all their reasons, for the file that goes back to it. A row that was delivered
-- again as it was stands there once, as of its last delivery: what became of that one counts. A full file repeats its bad rows
-- each night, so each row is looked at once, not once for each time it came again.
with delivered as (
    select
        q.quarantine_id,
        q.state,
        b.business_date,
        rank() over (partition by b.feed, q.row_key order by b.business_date desc, b.generation desc) as age
    from exchange.batch as b
    cross join lateral (
        select k.quarantine_id, k.row_key, k.state
        from exchange.quarantine as k
        where k.batch_id = b.batch_id
        offset 0 -- by key: of one department in a hundred
    ) as q
    where
        b.business_date <= :until
        and b.feed in (select mine.feed from exchange.batch as mine where mine.department = :department)
)

select
    b.feed, b.dataset, b.source_detail ->> 'file' as source_file, b.business_date, q.batch_id, q.line_no, q.row_sealed,
    q.quarantine_id, q.first_seen_at,
    array_agg(r.rule_id || ' ' || r.field || ' ' || r.message order by r.rule_id, r.field) as reasons
from delivered as d
inner join exchange.quarantine as q on d.quarantine_id = q.quarantine_id
inner join exchange.batch as b on q.batch_id = b.batch_id
inner join exchange.quarantine_reason as r on q.quarantine_id = r.quarantine_id
where
    d.age = 1
    and d.state = 'open'
    and d.business_date >= :since
    and b.department = :department
group by
    b.feed, b.dataset, b.source_detail ->> 'file', b.business_date, q.batch_id, q.line_no, q.row_sealed, q.quarantine_id,
    q.first_seen_at
order by b.feed, b.business_date, q.line_no
