-- The open incidents below a prefix, oldest first.
select incident_key from exchange.alert
where cleared_at is null and starts_with(incident_key, :prefix)
order by raised_at, incident_key
