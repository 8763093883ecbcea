-- Under which identity a record lies at a platform that has no record ids (信用中国); needed to revoke exactly that one.
create table exchange.wire_identity (
    platform text not null,
    wire_key text not null,
    record_id text not null,
    identity_sealed bytea not null,
    since timestamptz not null default now(),
    primary key (platform, wire_key)
);
create index wire_identity_by_record on exchange.wire_identity (platform, record_id);
