-- The list has been compared, or is read once more: all of it, or of these records.
delete from exchange.listed
where reconciliation_id = :reconciliation_id and coalesce(record_id = any(cast(:record_ids as text [])), true)
