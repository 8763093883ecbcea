-- Which code belongs to which subject: unified code, organisation code, registration number, HMAC of an ID number.
create table exchange.subject_code (
    code text primary key,
    subject_id bigint not null,
    first_batch bigint
);
create index subject_code_by_subject on exchange.subject_code (subject_id);
