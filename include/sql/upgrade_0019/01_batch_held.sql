-- The deliveries that wait for a person are asked for every few minutes: found without reading all that ever was delivered.
create index if not exists batch_held on exchange.batch (business_date, feed) where state = 'held';
