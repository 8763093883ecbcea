-- A quarantined row that will not be corrected.
update exchange.quarantine set
    state = 'dismissed', settled_at = clock_timestamp(), settled_by = :dismissed_by, settled_reason = :reason
where batch_id = :batch_id and line_no = :line_no and state = 'open'
