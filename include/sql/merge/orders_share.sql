-- Codes that this batch showed to be one subject's: of what is one decision since now, each id is meant by the orders of the
-- others, also by those that came before their record.
insert into exchange.withdrawal_order (
    record_id, action, authority, reason, legal_basis, business_date, sequence, batch_id, line_no, ordered_by
)
select distinct on (p.other_id, o.action, o.business_date, o.sequence)
    p.other_id, o.action, o.authority, o.reason, o.legal_basis, o.business_date, o.sequence, o.batch_id, o.line_no,
    o.ordered_by
from (
    select distinct winner.subject_id
    from subject_link as link
    inner join subject_winner as winner on link.leader = winner.leader
    where link.subject_id <> winner.subject_id
) as joined
inner join exchange.one_decision as p on joined.subject_id = p.subject_id
inner join exchange.withdrawal_order as o on p.record_id = o.record_id
order by p.other_id, o.action, o.business_date, o.sequence, o.order_id
on conflict (record_id, action, business_date, sequence) do nothing
