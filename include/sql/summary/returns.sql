-- A department's open quarantined rows with all their reasons, for the file that goes back to it. A row that was delivered
-- again as it was stands there once, as of its last delivery: what became of that one counts.
select
    b.feed, b.dataset, b.source_detail ->> 'file' as source_file, b.business_date, q.batch_id, q.line_no, q.row_sealed,
    q.quarantine_id, q.first_seen_at,
    string_agg(r.rule_id || ' ' || r.field || ' ' || r.message, '；' order by r.rule_id, r.field) as reasons
from exchange.quarantine as q
inner join exchange.batch as b on q.batch_id = b.batch_id
inner join exchange.quarantine_reason as r on q.quarantine_id = r.quarantine_id
where
    q.state = 'open'
    and b.department = :department
    and b.business_date between :since and :until
    and not exists (
        select 1
        from exchange.quarantine as again
        inner join exchange.batch as later on again.batch_id = later.batch_id
        where
            again.row_key = q.row_key
            and later.feed = b.feed
            and (later.business_date, later.generation) > (b.business_date, b.generation)
            and later.business_date <= :until
    )
group by
    b.feed, b.dataset, b.source_detail ->> 'file', b.business_date, q.batch_id, q.line_no, q.row_sealed, q.quarantine_id,
    q.first_seen_at
order by b.feed, b.business_date, q.line_no
