-- These incidents are over.
update exchange.alert set cleared_at = :now
where cleared_at is null and incident_key = any(cast(:keys as text []))
