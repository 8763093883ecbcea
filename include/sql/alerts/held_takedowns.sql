-- Platforms that did not take some takedowns: what should be gone is still shown there. Where that is told already (:told),
-- what goes again just now counts as well: it is not gone before the platform says so.
with still as (
    select platform, record_id, decided_at, outcome_code
    from exchange.release
    where op = 'withdraw' and state = 'held'
    union all
    select platform, record_id, decided_at, outcome_code
    from exchange.release
    where
        platform = any(cast(:told as text []))
        and state in ('waiting', 'retry')
        and op = 'withdraw'
        and (attempts > 0 or outcome_code is not null)
    union all
    select s.platform, r.record_id, r.decided_at, s.code as outcome_code
    from exchange.shipment as s
    inner join exchange.shipment_run as n on s.shipment_id = n.shipment_id
    inner join exchange.release as r on r.outbox_id between n.first_id and n.last_id
    where
        s.platform = any(cast(:told as text []))
        and s.state <> 'settled'
        and s.op = 'withdraw'
        and r.state = 'ready'
        and r.attempts > 0
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
