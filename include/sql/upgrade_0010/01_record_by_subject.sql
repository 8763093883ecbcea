-- Records by subject: when codes turn out to be one subject's, its records are found without a look at all of them.
create index if not exists record_by_subject on exchange.record (subject_id)
