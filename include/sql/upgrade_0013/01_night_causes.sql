-- Why the parts of a run failed, for the page and the alerts: part -> what its last try said.
alter table exchange.night add column if not exists causes jsonb not null default '{}'
