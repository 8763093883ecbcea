-- The incident is over; an incident that was never raised or is already over stays as it is.
update exchange.alert set cleared_at = :now
where incident_key = :incident_key and cleared_at is null
returning incident_key
