-- Orders that wait for a record, by subject: they follow it when codes turn out to be one subject's.
create index if not exists order_ahead_by_subject on exchange.order_ahead (subject_id)
