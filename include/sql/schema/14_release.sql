-- Per platform and version: what was decided, by which rules, when. `withdraw` takes a record off the platform.
create table exchange.release (
    platform text not null,
    record_id text not null references exchange.record,
    version int not null,
    dataset text not null,
    effect text not null check (effect in ('send', 'withhold', 'hold', 'withdraw')),
    decision_id int references exchange.decision,
    payload_digest text,
    decided_at timestamptz not null default now(),
    primary key (platform, record_id, version)
);
