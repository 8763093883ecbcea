-- Records whose standing content changed take the next version.
update exchange.record set
    document_no = outcome.document_no,
    subject_kind = outcome.subject_kind,
    subject_code = outcome.subject_code,
    subject_name = outcome.subject_name,
    department = outcome.department,
    feed = outcome.feed,
    decided_on = outcome.decided_on,
    business_date = greatest(exchange.record.business_date, :business_date),
    publish_until = outcome.publish_until,
    version = exchange.record.version + 1,
    content_version = exchange.record.version + 1,
    status = outcome.status,
    content_digest = outcome.content_digest,
    sources = case when outcome.several then 2 else exchange.record.sources end
from outcome
where exchange.record.record_id = outcome.record_id and outcome.old_version is not null and outcome.differs
