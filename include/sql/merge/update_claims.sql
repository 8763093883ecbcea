-- What this feed says now instead of what it said before.
update exchange.claim set
    department = :department,
    business_date = coalesce(stood.business_date, :business_date),
    sequence = coalesce(stood.sequence, o.sequence),
    generation = coalesce(stood.generation, :generation),
    batch_id = :batch_id,
    line_no = o.line_no,
    content_digest = o.claim_digest,
    content_version = case when o.several then null when o.differs then o.old_version + 1
        else o.old_content_version end,
    content = null
from outcome as o
left join stood on o.record_id = stood.record_id and o.verdict = 'changed'
where exchange.claim.record_id = o.record_id and exchange.claim.feed = :feed and o.claimed and o.verdict <> 'resettled'
