-- Orders that came before their record, by what they are about: the record may come under another code of its subject, and
-- then takes the id under which its orders wait.
create table exchange.order_ahead (
    record_id text primary key,
    dataset text not null,
    agency_code text not null,
    document_key text not null,
    subject_id bigint not null
);
create index order_ahead_by_document on exchange.order_ahead (document_key, agency_code, subject_id);
create index order_ahead_by_subject on exchange.order_ahead (subject_id);
