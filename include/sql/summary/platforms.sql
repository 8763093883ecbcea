-- The platforms: what they hold now, what is on its way, what was refused and what is withheld by rule.
with delivery as (
    select
        platform,
        dataset,
        count(*) filter (where state in ('ready', 'retry', 'sending', 'unknown')) as waiting,
        count(*) filter (where state = 'awaiting_receipt') as awaiting,
        count(*) filter (where state = 'rejected') as rejected,
        count(*) filter (where state = 'held') as held
    from report.delivery
    group by platform, dataset
),

shown as materialized (
    select platform, dataset, record_id from report.published
),

published as (
    select platform, dataset, count(*) as published
    from shown
    group by platform, dataset
),

withdrawn as (
    select d.platform, d.dataset, count(distinct d.record_id) as withdrawn
    from report.delivery as d
    where
        d.state = 'delivered'
        and d.op = 'withdraw'
        and not exists (select from shown as s where s.platform = d.platform and s.record_id = d.record_id)
    group by d.platform, d.dataset
),

withheld as (
    select platform, dataset, count(*) as withheld
    from report.withheld
    group by platform, dataset
)

select
    platform,
    dataset,
    coalesce(p.published, 0) as published,
    coalesce(g.withdrawn, 0) as withdrawn,
    coalesce(d.waiting, 0) as waiting,
    coalesce(d.awaiting, 0) as awaiting,
    coalesce(d.rejected, 0) as rejected,
    coalesce(d.held, 0) as held,
    coalesce(w.withheld, 0) as withheld
from delivery as d
full join published as p using (platform, dataset)
full join withheld as w using (platform, dataset)
left join withdrawn as g using (platform, dataset)
order by platform, dataset
