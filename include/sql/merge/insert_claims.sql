-- What this feed says of records it had not spoken about.
insert into exchange.claim (
    record_id, feed, department, business_date, sequence, generation, batch_id, line_no, content_digest,
    content_version
)
select
    o.record_id, :feed, :department, :business_date, o.sequence, :generation, :batch_id, o.line_no, o.claim_digest,
    case when o.several then null when o.old_version is null then b.version when o.differs then o.old_version + 1
    else o.old_content_version end
from outcome as o
cross join (select coalesce(max(first_version), 1) as version from exchange.restored) as b
where not o.claimed
