-- Every reason why a row is in quarantine; messages hold no personal data.
create table exchange.quarantine_reason (
    quarantine_id bigint not null references exchange.quarantine on delete cascade,
    rule_id text not null,
    field text not null default '',
    message text not null,
    primary key (quarantine_id, rule_id, field)
);
