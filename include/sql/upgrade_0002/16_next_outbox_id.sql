-- New outbox ids come after the old ones.
select setval('exchange.outbox_seq', greatest((select coalesce(max(outbox_id), 0) from exchange.release), 1))
