-- The names under which a subject was reported; variants are kept, none joins anybody.
create table exchange.subject_name (
    subject_id bigint not null references exchange.subject,
    name text not null,
    first_batch bigint references exchange.batch,
    primary key (subject_id, name)
);
