-- With which keys this database is written: digests of a constant by each, so that another key is refused before it does
-- anything. Record ids come from the HMAC key: under another one every record would be a new one, and be reported again.
create table exchange.key_check (
    name text primary key check (name in ('encryption', 'hmac')),
    digest text not null,
    since timestamptz not null default now()
);
