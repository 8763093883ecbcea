-- An encryption key may be replaced: the database knows all that it was ever written with.
alter table exchange.key_check drop constraint key_check_pkey, add primary key (name, digest)
