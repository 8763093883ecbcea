-- The platforms: what they hold now, what is on its way, what was refused and what is withheld by rule. All that was ever decided
-- has a part in it, so it is read once, and no row's shipment is looked for: what is not on its way has arrived, where it has no
-- word of its own.
with on_its_way as materialized (
    select outbox_id, state from exchange.on_its_way
),

told as (
    select
        r.platform,
        r.dataset,
        r.record_id,
        r.version,
        r.op,
        d.effect in ('withhold', 'hold') as is_kept,
        case when r.op is not null then exchange.state_of(r.state, coalesce(w.state, 'settled')) end as state,
        r.state = 'rejected' and r.outcome_code = 'REVOKED' as is_revoked -- as in report.published
    from exchange.release as r
    left join exchange.decision as d on r.decision_id = d.decision_id
    left join on_its_way as w on r.outbox_id = w.outbox_id
),

by_record as (
    select
        platform,
        dataset,
        record_id,
        count(*) filter (where state in ('ready', 'retry', 'sending', 'unknown')) as waiting,
        count(*) filter (where state = 'awaiting_receipt') as awaiting,
        -- what a newer version stands for is over, as on the pages (ui/platform_refused)
        max(version) = max(version) filter (where state = 'rejected') as is_rejected,
        count(*) filter (where state = 'held') as held,
        count(op) as sent,
        max(version) = max(version) filter (where is_kept) as is_withheld,
        coalesce(
            max(version) filter (where state = 'delivered' and op = 'upsert')
            = max(version) filter (where op is not null and (state = 'delivered' or is_revoked)),
            false
        ) as is_published,
        bool_or(state = 'delivered' and op = 'withdraw') as was_withdrawn
    from told
    group by platform, dataset, record_id
)

select
    platform,
    dataset,
    count(*) filter (where is_published) as published,
    count(*) filter (where was_withdrawn and not is_published) as withdrawn,
    cast(sum(waiting) as bigint) as waiting,
    cast(sum(awaiting) as bigint) as awaiting,
    count(*) filter (where is_rejected) as rejected,
    cast(sum(held) as bigint) as held,
    count(*) filter (where is_withheld) as withheld
from by_record
group by platform, dataset
having sum(sent) > 0 or count(*) filter (where is_withheld) > 0
order by platform, dataset
