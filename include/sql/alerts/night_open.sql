-- One row a run; a run that is cleared and starts again keeps its business date and its first start, and has no verdict.
insert into exchange.night as n (business_date, run_id, kind, started_at)
values (:business_date, :run_id, :kind, :now)
on conflict (run_id) do update set kind = n.kind, outcome = null, reopened_at = excluded.started_at
returning night_id, business_date, kind
