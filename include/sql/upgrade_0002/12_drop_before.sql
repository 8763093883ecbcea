-- Nothing is left in the old outbox.
drop table exchange.outbox_before
