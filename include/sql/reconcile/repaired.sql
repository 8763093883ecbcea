-- Who ordered the repair of what the last comparison found, and why.
update exchange.reconciliation set
    repaired_at = clock_timestamp(), repaired_by = :repaired_by, repaired_reason = :reason
where reconciliation_id = (select max(d.reconciliation_id) from exchange.difference as d where d.platform = :platform)
