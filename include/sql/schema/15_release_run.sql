-- Which rule set was last applied to every record: a change of rules makes all records be looked at again.
create table exchange.release_run (
    platform text primary key,
    ruleset_digest text not null,
    applied_at timestamptz not null default now()
);
