-- How a night ended; a cleared run that ends again overwrites its verdict.
update exchange.night
set finished_at = :now,
    outcome = case when cardinality(cast(:failed_parts as text[])) = 0 then 'good' else 'partial' end,
    failed_parts = cast(:failed_parts as text[])
where run_id = :run_id
returning night_id
