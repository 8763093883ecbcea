-- Back to one encryption key; fails where it was replaced, since the version before could not open what the first one sealed.
alter table exchange.key_check drop constraint key_check_pkey, add primary key (name)
