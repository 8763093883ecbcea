-- COPY of the accepted rows without their contents, in the order of the parquet's columns.
copy staged (
    line_no, derived_id, agency_code, document_no, document_key, subject_ref, subject_codes, subject_kind, subject_code,
    subject_name, decided_on, publish_until, operation, reason, sequence, content_digest
) from stdin with (format csv)
