-- The department's own withdrawals and reinstatements. One that only says again what stands is kept as well: should an
-- opposite order of a day in between come late, the newest word still decides. All ids that turned out to be one decision are
-- meant.
with meant as (
    select s.record_id, s.operation, s.sequence, s.reason, s.line_no
    from found as s
    where s.operation <> 'upsert'
    union all
    select p.other_id, s.operation, s.sequence, s.reason, s.line_no
    from found as s
    inner join exchange.one_decision as p on s.record_id = p.record_id
    where s.operation <> 'upsert'
)

insert into exchange.withdrawal_order (
    record_id, action, authority, reason, business_date, sequence, batch_id, line_no, ordered_by
)
select distinct on (s.record_id, s.operation, s.sequence)
    s.record_id, s.operation, 'department', coalesce(nullif(s.reason, ''), '部门撤回'), :business_date, s.sequence, :batch_id,
    s.line_no, :department
from meant as s
order by s.record_id, s.operation, s.sequence, s.line_no desc
on conflict (record_id, action, business_date, sequence) do nothing
