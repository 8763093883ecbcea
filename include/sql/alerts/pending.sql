-- What somebody still has to be told next, those first that were never tried: a channel that takes long to fail must not keep
-- them from all others. Where there are more than :many of one severity of which the same has become on each channel, all of them,
-- since they are told in one message; else, or where :many is null, the oldest. The row locks make one worker tell it.
with waiting as (
    select a.incident_key, a.severity, a.channels
    from exchange.alert as a
    where
        a.cleared_at is null
        and a.notified_at is null
        and (a.channels = '{}' or exists (select from unnest(a.channels) as c where split_part(c, ':', 2) = 'failed'))
        and not (a.incident_key = any(cast(:tried as text [])))
),

alike as (
    select w.severity, w.channels
    from waiting as w
    group by w.severity, w.channels
    having count(*) > cast(:many as int)
    order by w.channels <> '{}', w.severity = 'critical' desc, w.channels, w.severity
    limit 1
)

select a.incident_key, a.severity, a.subject, a.detail, a.link, a.raised_at, a.times, a.channels
from exchange.alert as a
where
    a.cleared_at is null -- another worker may have told it, or it may be over, by the moment it is locked
    and a.notified_at is null
    and a.incident_key in (
        select w.incident_key
        from waiting as w
        left join alike as k on true
        where k.severity is null or (w.severity = k.severity and w.channels = k.channels)
    )
order by a.channels <> '{}', a.raised_at, a.incident_key
limit case when not exists (select from alike) then 1 end
for update skip locked
