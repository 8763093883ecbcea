-- What a comparison came to.
update exchange.reconciliation set
    finished_at = clock_timestamp(), compared = :compared, asked = :asked, differences = :differences
where reconciliation_id = :reconciliation_id
