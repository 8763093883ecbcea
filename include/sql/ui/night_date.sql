-- The business date of a run.
select business_date from exchange.night where run_id = :run_id
