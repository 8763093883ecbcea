-- The HMAC key is never replaced: two of them would give a record two ids.
create unique index if not exists key_check_one_hmac on exchange.key_check (name) where name = 'hmac'
