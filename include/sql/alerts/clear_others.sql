-- Every open incident below a prefix that no longer holds is over.
update exchange.alert set cleared_at = :now
where cleared_at is null
  and starts_with(incident_key, :prefix)
  and not (incident_key = any(cast(:keep as text[])))
returning incident_key
