-- Codes that this batch showed to be one subject's: of what is one decision since now, each record is meant by the orders of
-- the others, and by those that came before their record under another code; so is each id under which such orders wait, since
-- the record that comes takes one of them.
with joined as (
    select distinct winner.subject_id
    from subject_link as link
    inner join subject_winner as winner on link.leader = winner.leader
    where link.subject_id <> winner.subject_id
),

known as (
    select r.record_id, r.dataset, r.agency_code, r.document_key, r.subject_id
    from exchange.record as r
    where r.subject_id in (select joined.subject_id from joined)
    union
    select a.record_id, a.dataset, a.agency_code, a.document_key, a.subject_id
    from exchange.order_ahead as a
    where a.subject_id in (select joined.subject_id from joined)
)

insert into exchange.withdrawal_order (
    record_id, action, authority, reason, legal_basis, business_date, sequence, batch_id, line_no, ordered_by
)
select distinct on (k.record_id, o.action, o.business_date, o.sequence)
    k.record_id, o.action, o.authority, o.reason, o.legal_basis, o.business_date, o.sequence, o.batch_id, o.line_no,
    o.ordered_by
from known
inner join known as k
    on
        known.document_key = k.document_key
        and known.agency_code = k.agency_code
        and known.subject_id = k.subject_id
        and known.dataset = k.dataset
        and known.record_id <> k.record_id
inner join exchange.withdrawal_order as o on known.record_id = o.record_id
order by k.record_id, o.action, o.business_date, o.sequence, o.order_id
on conflict (record_id, action, business_date, sequence) do nothing
