-- The batch's accepted rows without their contents, for the length of one transaction; disposable, written by COPY.
create temporary table staged (
    line_no int not null,
    derived_id text not null,
    agency_code text not null,
    document_no text not null,
    document_key text not null,
    subject_ref text not null,
    subject_codes text[] not null,
    subject_kind text not null,
    subject_code text,
    subject_name text not null,
    decided_on date,
    publish_until date,
    operation text not null,
    reason text,
    sequence text not null,
    content_digest text not null
) on commit drop
