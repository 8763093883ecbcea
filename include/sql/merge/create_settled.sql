-- The content that stands for records with several sources, worked out by source priority per field.
create temporary table settled (
    record_id text primary key,
    content text not null,
    content_digest text not null,
    department text not null,
    feed text not null,
    document_no text,
    subject_name text not null,
    subject_code text,
    subject_kind text not null,
    decided_on date,
    publish_until date
) on commit drop
