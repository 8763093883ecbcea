-- Every version of every record with the reason it was made; content (canonical JSON, ID numbers sealed)
-- is null where it is that of the version before.
create table exchange.record_version (
    record_id text not null,
    version int not null check (version > 0),
    reason text not null
        check (reason in ('content', 'release', 'withdrawal', 'reinstatement', 'expiry', 'hold')),
    status text not null,
    content text,
    content_digest text not null,
    batch_id bigint,
    line_no int,
    business_date date not null,
    note text,
    created_at timestamptz not null default now(),
    primary key (record_id, version)
);
create index record_version_by_date on exchange.record_version (business_date);
