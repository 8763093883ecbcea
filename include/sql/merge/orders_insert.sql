-- The department's own withdrawals and reinstatements. One that only says again what stands is kept as well: should an
-- opposite order of a day in between come late, the newest word still decides. All ids that turned out to be one decision are
-- meant. A reinstatement that comes once more with the update time it had, by the overlap of a front table or in a full file,
-- is no new one: it is as old as the first day on which the feed gave it, and outdoes no withdrawal since.
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
where
    s.operation <> 'reinstate'
    or s.sequence not like '____-__-__%'
    or not exists (
        select 1
        from exchange.withdrawal_order as o
        inner join exchange.batch as b on o.batch_id = b.batch_id
        where
            o.record_id = s.record_id
            and o.action = 'reinstate'
            and o.sequence = s.sequence
            and o.business_date < :business_date
            and b.feed = :feed
    )
order by s.record_id, s.operation, s.sequence, s.line_no desc
on conflict (record_id, action, business_date, sequence) do nothing
