-- The department's own withdrawals and reinstatements.
insert into exchange.withdrawal_order (
    record_id, action, authority, reason, business_date, sequence, batch_id, line_no, ordered_by
)
select distinct on (record_id, operation, sequence)
    record_id, operation, 'department', coalesce(nullif(reason, ''), '部门撤回'), :business_date, sequence, :batch_id, line_no,
    :department
from staged
where verdict = 'order'
order by record_id, operation, sequence, line_no desc
