-- The oldest incident that somebody still has to be told of, those first that were never tried: a channel that takes
-- long to fail must not keep them from all others. The row lock makes one worker tell it.
select incident_key, severity, subject, detail, link, raised_at, times, channels
from exchange.alert
where cleared_at is null
  and notified_at is null
  and (channels = '{}' or exists (select from unnest(channels) as c where split_part(c, ':', 2) = 'failed'))
  and not (incident_key = any(cast(:tried as text[])))
order by channels <> '{}', raised_at, incident_key
limit 1
for update skip locked
