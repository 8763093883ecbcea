-- Two rows of one batch may both be history of one record, by linked codes: each is kept.
alter table exchange.claim_history
drop constraint claim_history_pkey,
add primary key (record_id, feed, batch_id, line_no)
