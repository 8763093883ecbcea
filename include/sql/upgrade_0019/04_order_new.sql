-- A merge finds the orders that are new, of which there are few.
create index if not exists withdrawal_order_new on exchange.withdrawal_order (record_id) where not applied;
