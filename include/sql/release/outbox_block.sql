-- The first of a block of outbox ids that is nobody else's: what is decided later gets higher ones and is sent later.
select nextval('exchange.outbox_seq')
