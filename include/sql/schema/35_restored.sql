-- Every time a person stated that this database was restored from a backup: platforms had more than it knows. `first_version`: no
-- record has a lower version since, so that what is sent is newer than whatever they have.
create table exchange.restored (
    restored_id bigint generated always as identity primary key,
    first_version int not null,
    orders int not null,
    reason text not null,
    stated_by text not null,
    stated_at timestamptz not null default now()
);
