-- With which keys this database was ever written: digests of a constant by each, so that another key, or one of several that
-- is missing, is refused before it does anything. Record ids come from the HMAC key, of which there is one for ever: under
-- another one every record would be a new one, and be reported again. An encryption key is replaced by a newer one, and still
-- opens what it has sealed.
create table exchange.key_check (
    name text not null check (name in ('encryption', 'hmac')),
    digest text not null,
    since timestamptz not null default now(),
    primary key (name, digest)
);

create unique index key_check_one_hmac on exchange.key_check (name) where name = 'hmac'
