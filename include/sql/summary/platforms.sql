-- The platforms: what they hold now, what is on its way, what was refused and what is withheld by rule. All that was ever decided
-- has a part in it, and after some years that is millions of rows: records with several versions, and those on their way, are
-- put together one by one; all others have one row a platform, and are counted by what it says. No row's shipment is looked for:
-- what is not on its way has arrived, where it has no word of its own.
with on_its_way as materialized (
    select outbox_id, state from exchange.on_its_way
),

several as (
    select r.record_id from exchange.release as r where r.version > 1
    union
    select r.record_id
    from on_its_way as w
    inner join exchange.release as r on w.outbox_id = r.outbox_id
),

one_by_one as materialized (
    select r.platform, r.dataset, r.record_id, r.version, r.op, r.decision_id, r.state, r.outcome_code, w.state as on_way
    from exchange.release as r
    left join on_its_way as w on r.outbox_id = w.outbox_id
    where r.record_id in (select m.record_id from several as m)
),

counted as (
    select platform, dataset, op, decision_id, state, outcome_code, count(*) as records
    from exchange.release
    group by platform, dataset, op, decision_id, state, outcome_code
    union all
    select platform, dataset, op, decision_id, state, outcome_code, -count(*) as records
    from one_by_one
    group by platform, dataset, op, decision_id, state, outcome_code
),

told as (
    select platform, dataset, record_id, version, op, decision_id, state, outcome_code, on_way, 1 as records
    from one_by_one
    union all
    select
        platform,
        dataset,
        concat_ws(' ', op, decision_id, state, outcome_code) as record_id, -- those that say the same, as if they were one
        1 as version,
        op,
        decision_id,
        state,
        outcome_code,
        null as on_way,
        sum(records) as records
    from counted
    group by platform, dataset, op, decision_id, state, outcome_code
    having sum(records) > 0
),

stated as (
    select
        t.platform,
        t.dataset,
        t.record_id,
        t.version,
        t.op,
        t.records,
        d.effect in ('withhold', 'hold') as is_kept,
        case when t.op is not null then exchange.state_of(t.state, coalesce(t.on_way, 'settled')) end as state,
        t.state = 'rejected' and t.outcome_code = 'REVOKED' as is_revoked -- as in report.published
    from told as t
    left join exchange.decision as d on t.decision_id = d.decision_id
),

by_record as (
    select
        platform,
        dataset,
        max(records) as records,
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
    from stated
    group by platform, dataset, record_id
)

select
    platform,
    dataset,
    cast(coalesce(sum(records) filter (where is_published), 0) as bigint) as published,
    cast(coalesce(sum(records) filter (where was_withdrawn and not is_published), 0) as bigint) as withdrawn,
    cast(sum(waiting * records) as bigint) as waiting,
    cast(sum(awaiting * records) as bigint) as awaiting,
    cast(coalesce(sum(records) filter (where is_rejected), 0) as bigint) as rejected,
    cast(sum(held * records) as bigint) as held,
    cast(coalesce(sum(records) filter (where is_withheld), 0) as bigint) as withheld
from by_record
group by platform, dataset
having sum(sent) > 0 or count(*) filter (where is_withheld) > 0
order by platform, dataset
