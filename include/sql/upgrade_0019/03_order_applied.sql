-- Orders of before count as new, once: the next merge looks at all of them.
alter table exchange.withdrawal_order add column if not exists applied boolean not null default false;
