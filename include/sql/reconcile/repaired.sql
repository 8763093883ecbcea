-- What is repaired, who ordered it of what the last comparison found, and why.
with ordered as (
    update exchange.difference as d set repaired_at = clock_timestamp()
    where
        d.platform = :platform
        and d.record_id = any(cast(:record_ids as text []))
        and d.kind = any(cast(:kinds as text []))
)

update exchange.reconciliation set
    repaired_at = clock_timestamp(), repaired_by = :repaired_by, repaired_reason = :reason
where reconciliation_id = (select max(d.reconciliation_id) from exchange.difference as d where d.platform = :platform)
