-- Who said of a delivery that it is not waited for any more, and why.
alter table exchange.batch
add column if not exists waived_by text,
add column if not exists waived_reason text
