-- The list has been compared, or is read once more.
delete from exchange.listed
where reconciliation_id = :reconciliation_id
