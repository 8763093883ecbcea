-- Record an incident: a new one, one that came back after it was cleared, or once more the same.
insert into exchange.alert as a (incident_key, severity, subject, detail, link, raised_at, last_seen_at)
values (:incident_key, :severity, :subject, :detail, :link, :now, :now)
on conflict (incident_key) do update set
    severity = excluded.severity,
    subject = excluded.subject,
    detail = excluded.detail,
    link = excluded.link,
    last_seen_at = excluded.last_seen_at,
    times = case when a.cleared_at is null then a.times + 1 else 1 end,
    raised_at = case when a.cleared_at is null then a.raised_at else excluded.raised_at end,
    notified_at = case when a.cleared_at is null then a.notified_at end,
    channels = case when a.cleared_at is null then a.channels else '{}' end,
    cleared_at = null
returning times = 1 as is_new
