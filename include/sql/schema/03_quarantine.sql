-- Rows that failed a rule, whole and sealed, until they are corrected or dismissed.
create table exchange.quarantine (
    quarantine_id bigint generated always as identity primary key,
    batch_id bigint not null references exchange.batch,
    line_no int not null,
    disposition text not null check (disposition in ('reject', 'hold')),
    state text not null default 'open' check (state in ('open', 'corrected', 'dismissed')),
    record_id text,
    row_key text not null,
    row_sealed bytea not null,
    first_seen_at timestamptz not null,
    settled_at timestamptz,
    settled_by text,
    settled_reason text,
    corrected_by_batch bigint references exchange.batch,
    unique (batch_id, line_no)
);
create index quarantine_open on exchange.quarantine (record_id) where state = 'open';
create index quarantine_by_row on exchange.quarantine (row_key, quarantine_id);
