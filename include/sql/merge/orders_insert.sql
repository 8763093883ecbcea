-- The department's own withdrawals and reinstatements. One that only says again what stands is kept as well: should an
-- opposite order of a day in between come late, the newest word still decides.
insert into exchange.withdrawal_order (
    record_id, action, authority, reason, business_date, sequence, batch_id, line_no, ordered_by
)
select distinct on (s.record_id, s.operation, s.sequence)
    s.record_id, s.operation, 'department', coalesce(nullif(s.reason, ''), '部门撤回'), :business_date, s.sequence, :batch_id,
    s.line_no, :department
from found as s
where
    s.operation <> 'upsert'
    and not exists (
        select 1 from exchange.withdrawal_order as o
        where
            o.record_id = s.record_id
            and o.action = s.operation
            and o.business_date = :business_date
            and o.sequence = s.sequence
    )
order by s.record_id, s.operation, s.sequence, s.line_no desc
