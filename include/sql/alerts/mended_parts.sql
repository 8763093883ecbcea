-- Open incidents that a part of a night did not finish, and that are over without a new verdict of that night: the platform or step
-- has worked since, for whatever date, so that no run of the date says any more that it failed; the delivery has been taken by a
-- command, or is not waited for any more.
with told as materialized (
    select
        a.incident_key,
        cast(split_part(a.incident_key, ':', 2) as date) as business_date,
        substr(a.incident_key, length('night:0000-00-00:') + 1) as part
    from exchange.alert as a
    where a.cleared_at is null and a.incident_key ~ '^night:[0-9]{4}-[0-9]{2}-[0-9]{2}:'
)

select t.incident_key, t.business_date, t.part
from told as t
inner join lateral (
    select
        bool_or(n.causes ->> t.part is not null) as has_failed,
        (array_agg(n.causes ->> t.part order by greatest(n.started_at, n.reopened_at) desc))[1] as cause
    from exchange.night as n
    where n.business_date = t.business_date
) as run on true
left join lateral (
    select b.stage, b.waived_by
    from exchange.batch as b
    where 'feed ' || b.feed = t.part and b.business_date = t.business_date
    order by b.generation desc
    limit 1
) as newest on true
where case
    when starts_with(t.part, 'feed ') then newest.stage = 'merged' and (newest.waived_by is not null or run.cause is null)
    else not run.has_failed
end
order by t.incident_key
