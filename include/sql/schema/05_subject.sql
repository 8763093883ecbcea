-- A person or organisation that records are about; one row each, joined by strong identifiers only.
create table exchange.subject (
    subject_id bigint generated always as identity primary key,
    kind text not null check (kind in ('legal', 'person', 'sole_trader')),
    uscc text,
    merged_into bigint references exchange.subject,
    created_batch bigint references exchange.batch
);
