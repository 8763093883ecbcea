-- Orders that wait for a record, by what they are about: looked for by every batch.
create index if not exists order_ahead_by_document on exchange.order_ahead (document_key, agency_code, subject_id)
