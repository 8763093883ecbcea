-- Who said of a business date that it is not to be exchanged, and why.
select reason, skipped_by, skipped_at from exchange.skipped_date where business_date = :business_date
