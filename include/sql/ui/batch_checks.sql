-- The rules of a batch, those that failed first, each with what the department was told about it.
with told as (
    select s.rule_id, s.field, count(*) as rows, min(s.message) as message
    from exchange.quarantine as q
    join exchange.quarantine_reason as s on s.quarantine_id = q.quarantine_id
    where q.batch_id = :batch_id
    group by s.rule_id, s.field
),
checks as (
    select rule_id, field, severity, failed, checked from exchange.batch_check where batch_id = :batch_id
)
select rule_id, field, coalesce(checks.severity, 'reject') as severity,
       coalesce(checks.failed, told.rows) as failed, checks.checked, told.message
from checks full join told using (rule_id, field)
order by (coalesce(checks.severity, 'reject') = 'warn'), failed desc, rule_id, field
