-- Of how many records a platform without a list was asked.
alter table exchange.reconciliation add column if not exists asked bigint
