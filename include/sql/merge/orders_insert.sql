-- The department's own withdrawals and reinstatements. One that only says again what stands is kept as well: should an
-- opposite order of a day in between come late, the newest word still decides. Two records that turned out to be one decision
-- are both meant.
with meant as (
    select s.record_id, s.operation, s.sequence, s.reason, s.line_no
    from found as s
    where s.operation <> 'upsert'
    union all
    select k.record_id, s.operation, s.sequence, s.reason, s.line_no
    from found as s
    inner join exchange.record as k
        on
            s.document_key = k.document_key
            and s.agency_code = k.agency_code
            and s.subject_id = k.subject_id
            and s.record_id <> k.record_id
    where s.operation <> 'upsert' and k.dataset = :dataset
)

insert into exchange.withdrawal_order (
    record_id, action, authority, reason, business_date, sequence, batch_id, line_no, ordered_by
)
select distinct on (s.record_id, s.operation, s.sequence)
    s.record_id, s.operation, 'department', coalesce(nullif(s.reason, ''), '部门撤回'), :business_date, s.sequence, :batch_id,
    s.line_no, :department
from meant as s
where
    not exists (
        select 1 from exchange.withdrawal_order as o
        where
            o.record_id = s.record_id
            and o.action = s.operation
            and o.business_date = :business_date
            and o.sequence = s.sequence
    )
order by s.record_id, s.operation, s.sequence, s.line_no desc
