-- The bytes have landed; the batch counts as failed until it is merged. One that was missing before stays known as late.
-- What was closed without it is waited for again. Whoever approved it before did not see what has landed. No row: another run
-- has landed it, since the lock went with its session.
update exchange.batch
set stage = 'collected',
    state = 'failed',
    problem = null,
    waived_by = null,
    waived_reason = null,
    was_missing = was_missing or state = 'missing',
    digest = :digest,
    landed_uri = :uri,
    landed_bytes = :size,
    collected_at = :at,
    source_detail = source_detail
    || cast(:detail as jsonb)
    || case when approved_by is null then '{}' else '{"approved_unseen": true}' end::jsonb
where batch_id = :batch_id and landed_uri is null
