-- The first keys that are used are the ones of this database; of two that come at once the first stands.
insert into exchange.key_check (name, digest)
values ('encryption', :encryption), ('hmac', :hmac)
on conflict (name) do nothing
