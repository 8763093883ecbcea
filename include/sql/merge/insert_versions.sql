-- Every new current content is a version of its own, with the batch and line it came from.
insert into exchange.record_version (
    record_id, version, reason, status, content, content_digest, batch_id, line_no, business_date
)
select
    o.record_id, coalesce(o.old_version + 1, b.version), 'content', o.status, coalesce(m.content, w.content), o.content_digest,
    :batch_id, o.line_no, :business_date
from outcome as o
cross join (select coalesce(max(first_version), 1) as version from exchange.restored) as b
inner join staged_content as w on o.line_no = w.line_no
left join settled as m on o.record_id = m.record_id
where o.old_version is null or o.differs
