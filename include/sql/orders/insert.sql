-- An explicit withdrawal or reinstatement by the credit office, also of a withdrawal that waits for its record; of what turned
-- out to be one decision all records are meant, and all ids under which orders wait.
with known as (
    select r.record_id, r.dataset, r.agency_code, r.document_key, r.subject_id
    from exchange.record as r
    where r.record_id = cast(:record_id as text)
    union
    select a.record_id, a.dataset, a.agency_code, a.document_key, a.subject_id
    from exchange.order_ahead as a
    where a.record_id = cast(:record_id as text)
),

meant as (
    select cast(:record_id as text) as record_id
    union
    select k.record_id
    from known
    inner join exchange.record as k
        on
            known.document_key = k.document_key
            and known.agency_code = k.agency_code
            and known.subject_id = k.subject_id
            and known.dataset = k.dataset
    union
    select a.record_id
    from known
    inner join exchange.order_ahead as a
        on
            known.document_key = a.document_key
            and known.agency_code = a.agency_code
            and known.subject_id = a.subject_id
            and known.dataset = a.dataset
)

insert into exchange.withdrawal_order (
    record_id, action, authority, reason, legal_basis, business_date, sequence, ordered_by
)
select
    m.record_id,
    cast(:action as text),
    cast(:authority as text),
    cast(:reason as text),
    cast(:legal_basis as text),
    cast(:business_date as date),
    cast(:sequence as text),
    cast(:ordered_by as text)
from meant as m
