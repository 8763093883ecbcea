-- The list has been compared.
delete from exchange.listed where reconciliation_id = :reconciliation_id
