-- What became of incidents on each channel, as channel and sent, skipped or failed joined by a colon.
update exchange.alert
set channels = cast(:channels as text[]), notified_at = :notified_at
where incident_key = any(cast(:incident_keys as text[]))
