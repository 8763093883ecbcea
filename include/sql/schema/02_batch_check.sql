-- How many rows of a batch failed which rule on which field: what the morning page and the Data Docs show.
create table exchange.batch_check (
    batch_id bigint not null references exchange.batch,
    rule_id text not null,
    field text not null default '',
    severity text not null check (severity in ('reject', 'warn', 'hold')),
    failed bigint not null,
    checked bigint not null,
    primary key (batch_id, rule_id, field)
);
