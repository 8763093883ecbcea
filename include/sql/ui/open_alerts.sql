-- Open incidents, the critical ones first, then the newest; `in_all` counts also those that are not listed.
select incident_key, severity, subject, detail, link, raised_at, times, notified_at, channels,
       count(*) over () as in_all
from exchange.alert where cleared_at is null order by severity = 'critical' desc, raised_at desc limit 100
