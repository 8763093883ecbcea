-- Every alert that was raised, whether it was told to somebody and when it was over.
create view report.alert as
select
    a.incident_key,
    a.severity,
    a.raised_at,
    a.cleared_at,
    a.notified_at,
    a.subject,
    a.detail,
    a.times,
    a.channels
from exchange.alert as a
