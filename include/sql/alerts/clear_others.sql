-- Every open incident below a prefix that no longer holds is over. In the order of hold_parts.sql, so that the two never wait for
-- each other.
with gone as (
    select incident_key
    from exchange.alert
    where
        cleared_at is null
        and starts_with(incident_key, :prefix)
        and not (incident_key = any(cast(:keep as text [])))
    order by incident_key
    for update
)

update exchange.alert as a set cleared_at = :now
from gone as g
where a.incident_key = g.incident_key
returning a.incident_key
