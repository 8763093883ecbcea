-- Platforms that did not take some takedowns: what should be gone is still shown there. Where that is told already (:told),
-- what goes again just now counts as well: it is not gone before the platform says so. So does what took the place of one that
-- was not taken (release/outdone, or a newer version): it is shown since that one was decided.
with going as (
    select platform, record_id, version, decided_at, outcome_code, true as was_refused
    from exchange.release
    where op = 'withdraw' and state = 'held'
    union all
    select
        platform,
        record_id,
        version,
        decided_at,
        outcome_code,
        attempts > 0 or outcome_code is not null as was_refused
    from exchange.release
    where platform = any(cast(:told as text [])) and state in ('waiting', 'retry') and op = 'withdraw'
    union all
    select s.platform, r.record_id, r.version, r.decided_at, s.code as outcome_code, r.attempts > 0 as was_refused
    from exchange.shipment as s
    inner join exchange.shipment_run as n on s.shipment_id = n.shipment_id
    inner join exchange.release as r on r.outbox_id between n.first_id and n.last_id
    where
        s.platform = any(cast(:told as text []))
        and s.state <> 'settled'
        and s.op = 'withdraw'
        and r.state = 'ready'
    union all
    select l.platform, r.record_id, r.version, r.decided_at, null as outcome_code, false as was_refused
    from exchange.lot as l
    cross join lateral (
        select o.platform, o.record_id, o.version, o.decided_at
        from exchange.release as o
        where o.outbox_id between l.first_id and l.last_id and o.platform = l.platform and o.state = 'ready'
        offset 0 -- whatever the statistics say, by key
    ) as r
    where l.platform = any(cast(:told as text [])) and l.op = 'withdraw'
),

still as (
    select
        g.platform,
        g.record_id,
        least(g.decided_at, f.decided_at) as decided_at,
        coalesce(g.outcome_code, f.outcome_code) as outcome_code
    from going as g
    left join lateral (
        select min(e.decided_at) as decided_at, max(e.outcome_code) as outcome_code
        from exchange.release as e
        where
            e.record_id = g.record_id
            and e.platform = g.platform
            and e.version < g.version
            and e.op = 'withdraw'
            and e.state = 'superseded'
            and e.outcome_code is not null
            and not exists (
                select 1 from exchange.outbox as d
                where
                    d.record_id = g.record_id
                    and d.platform = g.platform
                    and d.version between e.version and g.version
                    and d.state = 'delivered'
            )
    ) as f on true
    where g.was_refused or f.decided_at is not null
)

select
    platform,
    count(*) as records,
    min(decided_at) as since,
    string_agg(distinct outcome_code, '、' order by outcome_code) as codes,
    min(record_id) as record_id
from still
group by platform
order by platform
