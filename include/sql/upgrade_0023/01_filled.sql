-- In how many rows of a delivery each field stood; of deliveries before nobody knows, and they are not asked.
alter table exchange.batch add column if not exists filled jsonb
