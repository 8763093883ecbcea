-- An explicit withdrawal or reinstatement by the credit office, also of a withdrawal that waits for its record; two records
-- that turned out to be one decision are both meant.
with meant as (
    select cast(:record_id as text) as record_id
    union
    select k.record_id
    from exchange.record as r
    inner join exchange.record as k
        on
            r.document_key = k.document_key
            and r.agency_code = k.agency_code
            and r.subject_id = k.subject_id
            and r.dataset = k.dataset
    where r.record_id = cast(:record_id as text)
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
