-- New outbox ids, rising: what is decided later is sent later.
select nextval('exchange.outbox_seq') as outbox_id from generate_series(1, :count)
