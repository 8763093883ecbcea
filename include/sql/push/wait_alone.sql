-- Rows of a lot that cannot go yet, since another version is under way: from now on they wait by themselves.
update exchange.release set state = 'waiting'
where outbox_id = any(cast(:outbox_ids as bigint [])) and state = 'ready'
