-- The circuit and the pace of each platform, shared by all workers; and what it last showed in passing: until when its certificate
-- is good, and by how many seconds its clock was ahead of ours.
create table exchange.platform_state (
    platform text primary key,
    circuit text not null default 'closed' check (circuit in ('closed', 'open', 'half_open')),
    failures int not null default 0,
    open_until timestamptz,
    reason text,
    next_call_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    certificate_ends timestamptz,
    clock_ahead double precision,
    seen_at timestamptz
);
