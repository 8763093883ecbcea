-- What became of an incident on each channel: <channel>:sent, <channel>:skipped or <channel>:failed.
update exchange.alert
set channels = cast(:channels as text[]), notified_at = :notified_at
where incident_key = :incident_key
