-- An explicit withdrawal or reinstatement by the credit office, also of a withdrawal that waits for its record; of what turned
-- out to be one decision all records are meant, and all ids under which orders wait. One that is given again after a restore, and
-- is known already, is left as it is.
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
from (
    select cast(:record_id as text) as record_id
    union
    select p.other_id from exchange.one_decision as p where p.record_id = cast(:record_id as text)
) as m
on conflict do nothing
