-- Every new current content is a version of its own, with the batch and line it came from.
insert into exchange.record_version (
    record_id, version, reason, status, content, content_digest, batch_id, line_no, business_date
)
select
    record_id, coalesce(old_version, 0) + 1, 'content', status, content, content_digest, :batch_id, line_no,
    :business_date
from outcome
where old_version is null or differs
