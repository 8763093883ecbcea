-- Who took personal data out of the exchange in clear, when, and of what: written before the file is, never changed.
create table exchange.handed_out (
    handed_out_id bigint generated always as identity primary key,
    kind text not null check (kind in ('return-file', 'evidence')),
    about text not null,
    rows int not null,
    taken_by text not null,
    taken_at timestamptz not null default now()
);
create index handed_out_about on exchange.handed_out (about);
