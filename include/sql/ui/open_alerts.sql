-- Open incidents, newest first.
select incident_key, severity, subject, detail, link, raised_at, times, notified_at, channels
from exchange.alert where cleared_at is null order by raised_at desc limit 20
