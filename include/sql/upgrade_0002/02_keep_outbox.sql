-- The old outbox, until its rows are where they belong now.
alter table exchange.outbox rename to outbox_before
