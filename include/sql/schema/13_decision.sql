-- A release decision's shape: effect, rules with their versions, what is masked and dropped. Few rows, shared by many records.
create table exchange.decision (
    decision_id int generated always as identity primary key,
    digest text not null unique,
    effect text not null check (effect in ('release', 'withhold', 'hold')),
    deciding_rule text not null,
    legal_basis text not null,
    rules jsonb not null,
    drop_fields text[] not null default '{}',
    mask_fields jsonb not null default '{}'
);
