-- The names under which a subject was reported; variants are kept, none joins anybody.
create table exchange.subject_name (
    subject_id bigint not null,
    name text not null,
    first_batch bigint,
    primary key (subject_id, name)
);
