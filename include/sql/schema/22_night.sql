-- One row a run of the exchange: which business date, how it was started, how it ended. causes: part -> why its last try
-- failed; gone when it succeeds. reopened_at: when a run that had ended last went on.
create table exchange.night (
    night_id bigint generated always as identity primary key,
    business_date date not null,
    run_id text not null unique,
    kind text not null check (kind in ('scheduled', 'backfill', 'manual', 'command')),
    started_at timestamptz not null,
    finished_at timestamptz,
    outcome text check (outcome in ('good', 'partial')),
    failed_parts text[] not null default '{}',
    causes jsonb not null default '{}',
    reopened_at timestamptz
);
create index night_by_date on exchange.night (business_date);
