-- Records by document number: found together with the agency and the subject, and also by itself.
create index record_by_document on exchange.record (document_key, agency_code, subject_id)
