-- Incidents that somebody still has to be told of where there are more than :many of one severity of which the same has become on
-- each channel: all of them, since they are told in one message. Those first that were never tried. Locked as in pending.
with waiting as (
    select a.incident_key, a.severity, a.channels
    from exchange.alert as a
    where
        a.cleared_at is null
        and a.notified_at is null
        and (a.channels = '{}' or exists (select from unnest(a.channels) as c where split_part(c, ':', 2) = 'failed'))
        and not (a.incident_key = any(cast(:tried as text [])))
),

many as (
    select w.severity, w.channels
    from waiting as w
    group by w.severity, w.channels
    having count(*) > :many
    order by w.channels <> '{}', w.severity = 'critical' desc, w.channels, w.severity
    limit 1
)

select a.incident_key, a.severity, a.subject, a.detail, a.link, a.raised_at, a.times, a.channels
from exchange.alert as a
where
    a.cleared_at is null
    and a.notified_at is null
    and a.incident_key in (
        select w.incident_key
        from waiting as w
        inner join many as m on w.severity = m.severity and w.channels = m.channels
    )
order by a.raised_at, a.incident_key
for update skip locked
