-- When a platform that gives no list was last asked about a record.
create table if not exists exchange.asked (
    platform text not null,
    record_id text not null,
    asked_at timestamptz not null,
    primary key (platform, record_id)
)
