-- Orders of the credit office that were given while a merge was linking codes: neither saw the other, and the other ids of the
-- decision are meant as well.
insert into exchange.withdrawal_order (
    record_id, action, authority, reason, legal_basis, business_date, sequence, ordered_by
)
select distinct on (p.other_id, o.action, o.business_date, o.sequence)
    p.other_id, o.action, o.authority, o.reason, o.legal_basis, o.business_date, o.sequence, o.ordered_by
from exchange.withdrawal_order as o
cross join lateral (
    select k.other_id
    from exchange.one_decision as k
    where k.record_id = o.record_id
    offset 0 -- by key: of all records, those with an order are few
) as p
where o.batch_id is null
order by p.other_id, o.action, o.business_date, o.sequence, o.order_id
on conflict (record_id, action, business_date, sequence) do nothing
