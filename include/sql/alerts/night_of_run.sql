-- The night that a run carries.
select night_id, business_date, kind from exchange.night where run_id = :run_id
