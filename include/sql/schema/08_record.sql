-- The record of truth: one decision about one subject, in its current state.
-- Statements that add rows here, to the subjects, versions and claims have their parents before them, and nothing is ever
-- deleted: foreign keys among these tables could not fail, and checking them is a good part of a first load.
create table exchange.record (
    record_id text primary key,
    dataset text not null,
    agency_code text not null,
    document_key text not null,
    document_no text not null,
    subject_ref text not null,
    subject_id bigint not null,
    subject_kind text not null,
    subject_code text,
    subject_name text not null,
    department text not null,
    feed text not null,
    decided_on date,
    business_date date not null,
    publish_until date,
    version int not null,
    status text not null check (status in ('current', 'withdrawn', 'expired', 'held')),
    content_digest text not null,
    content_version int not null,
    sources int not null default 1
);
create index record_by_document on exchange.record (document_key, agency_code, subject_id);
create index record_expiring on exchange.record (publish_until) where status = 'current' and publish_until is not null;
create index record_by_subject on exchange.record (subject_id);
