-- Whoever starts a run by hand may give it the name of one that was deleted. The row of that one, known by another business date,
-- keeps its date and its verdict under a name of its own; a task of the new run may have taken the verdict back a moment ago.
update exchange.night
set run_id = run_id || ' #' || night_id,
    reopened_at = null,
    outcome = case when finished_at is not null then case when cardinality(failed_parts) = 0 then 'good' else 'partial' end end
where run_id = :run_id and business_date <> :business_date
