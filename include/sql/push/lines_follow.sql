-- Rows that waited by themselves and are packed now: they have no word of their own any more.
update exchange.release set state = 'ready', not_before = null, outcome_code = null, outcome_message = null
where outbox_id = any(cast(:outbox_ids as bigint [])) and state in ('waiting', 'retry')
