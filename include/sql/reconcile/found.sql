-- The records that differed when the platform was last compared.
select distinct record_id from exchange.difference where platform = :platform
