-- Every comparison of what a platform lists with what was delivered to it, and who ordered a repair of what differed.
create table exchange.reconciliation (
    reconciliation_id bigint generated always as identity primary key,
    platform text not null,
    begun_at timestamptz not null default now(),
    finished_at timestamptz,
    compared bigint,
    differences bigint,
    repaired_at timestamptz,
    repaired_by text,
    repaired_reason text,
    asked bigint
);
create index reconciliation_newest on exchange.reconciliation (platform, reconciliation_id desc)
