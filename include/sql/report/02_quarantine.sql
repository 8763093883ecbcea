-- Why rows are held back: one row a reason, no personal data.
create view report.quarantine as
select
    b.department,
    b.dataset,
    b.business_date,
    q.batch_id,
    q.line_no,
    r.rule_id,
    r.field,
    r.message,
    q.state,
    q.first_seen_at,
    b.feed,
    q.disposition,
    q.quarantine_id
from exchange.quarantine as q
inner join exchange.batch as b on q.batch_id = b.batch_id
inner join exchange.quarantine_reason as r on q.quarantine_id = r.quarantine_id
