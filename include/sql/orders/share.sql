-- Orders of the credit office that were given while a merge was linking codes: neither saw the other, and the second record of
-- the decision is meant as well.
insert into exchange.withdrawal_order (
    record_id, action, authority, reason, legal_basis, business_date, sequence, ordered_by
)
select distinct on (k.record_id, o.action, o.business_date, o.sequence)
    k.record_id, o.action, o.authority, o.reason, o.legal_basis, o.business_date, o.sequence, o.ordered_by
from exchange.withdrawal_order as o
inner join exchange.record as r on o.record_id = r.record_id
inner join exchange.record as k
    on
        r.document_key = k.document_key
        and r.agency_code = k.agency_code
        and r.subject_id = k.subject_id
        and r.dataset = k.dataset
        and r.record_id <> k.record_id
where
    o.batch_id is null
    and not exists (
        select 1 from exchange.withdrawal_order as known
        where
            known.record_id = k.record_id
            and known.action = o.action
            and known.business_date = o.business_date
            and known.sequence = o.sequence
    )
order by k.record_id, o.action, o.business_date, o.sequence, o.order_id
