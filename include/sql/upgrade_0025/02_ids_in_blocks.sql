-- Where the sequence was made before ids came in blocks, two lots would share ids: the next block begins after all of them.
alter sequence exchange.outbox_seq increment by 8192
