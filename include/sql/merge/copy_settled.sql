-- COPY of the settled contents.
copy settled (
    record_id, content, content_digest, department, feed, document_no, subject_name, subject_code, subject_kind, decided_on,
    publish_until
) from stdin with (format csv)
