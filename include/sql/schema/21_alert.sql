-- The record of every alert: one row an incident, notified once.
create table exchange.alert (
    incident_key text primary key,
    severity text not null check (severity in ('info', 'warning', 'critical')),
    subject text not null,
    detail text not null default '',
    link text,
    raised_at timestamptz not null,
    last_seen_at timestamptz not null,
    times int not null default 1,
    cleared_at timestamptz,
    notified_at timestamptz,
    channels text[] not null default '{}'
);
