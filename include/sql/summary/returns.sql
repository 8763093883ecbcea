-- A department's open quarantined rows with all their reasons, for the file that goes back to it.
select
    b.feed, b.business_date, q.batch_id, q.line_no, q.row_sealed, q.quarantine_id, q.first_seen_at,
    string_agg(r.rule_id || ' ' || r.field || ' ' || r.message, '；' order by r.rule_id, r.field) as reasons
from exchange.quarantine as q
inner join exchange.batch as b on q.batch_id = b.batch_id
inner join exchange.quarantine_reason as r on q.quarantine_id = r.quarantine_id
where q.state = 'open' and b.department = :department and b.business_date between :since and :until
group by b.feed, b.business_date, q.batch_id, q.line_no, q.row_sealed, q.quarantine_id, q.first_seen_at
order by b.feed, b.business_date, q.line_no
