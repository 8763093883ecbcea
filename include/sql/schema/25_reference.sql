-- Digests of what is copied from the configuration into tables, so that it is only written when it changed.
create table exchange.reference (
    kind text primary key,
    digest text not null,
    changed_at timestamptz not null default now()
);
