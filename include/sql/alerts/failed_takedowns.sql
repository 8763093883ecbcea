-- Takedowns that a platform refused, or that were held, and after which nothing was decided: what should be off may be visible.
select
    r.platform,
    cast(r.settled_at at time zone 'Asia/Shanghai' as date) as day,
    count(*) as records,
    string_agg(distinct r.outcome_code, '、' order by r.outcome_code) as codes,
    min(r.record_id) as record_id
from exchange.release as r
where
    r.op = 'withdraw'
    and r.state in ('rejected', 'held')
    and not exists (
        select 1 from exchange.release as n
        where n.record_id = r.record_id and n.platform = r.platform and n.version > r.version
    )
group by r.platform, day
order by r.platform, day
