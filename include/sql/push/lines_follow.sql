-- Rows that waited by themselves and are packed now: they have no word of their own any more, and an id that no shipment had.
update exchange.release as o set
    outbox_id = v.following_id, state = 'ready', not_before = null, outcome_code = null, outcome_message = null
from unnest(cast(:outbox_ids as bigint []), cast(:following_ids as bigint [])) as v (outbox_id, following_id)
where
    o.outbox_id = v.outbox_id
    -- by its id: the statistics may not know yet how much waits, and its index would be walked whole for each of them
    and o.state || '' in ('waiting', 'retry')
