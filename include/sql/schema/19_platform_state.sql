-- The circuit and the pace of each platform, shared by all workers.
create table exchange.platform_state (
    platform text primary key,
    circuit text not null default 'closed' check (circuit in ('closed', 'open', 'half_open')),
    failures int not null default 0,
    open_until timestamptz,
    reason text,
    next_call_at timestamptz not null default now(),
    changed_at timestamptz not null default now()
);
