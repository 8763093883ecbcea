-- What was said of these records since the backup, and is known again, may have been sent by the lost database, and taken back
-- after it: what lies there is not what was last delivered from here, nor surely gone. So the next release sends it, or takes it
-- down.
with said as (
    select r.record_id
    from exchange.record as r
    where exists (
        select 1
        from exchange.record_version as v
        where
            v.record_id = r.record_id
            and v.reason <> 'release'
            and v.version > (select max(e.version) from exchange.release as e where e.record_id = r.record_id)
    )
    union
    select o.record_id from exchange.withdrawal_order as o where not o.applied
),

newest as (
    select distinct on (o.platform, o.record_id) o.platform, o.record_id, o.version
    from said as s
    inner join exchange.outbox as o on s.record_id = o.record_id
    where o.state = 'delivered' or o.under_way
    order by o.platform, o.record_id, o.version desc
)

update exchange.release as r set
    outcome_code = 'RESTORED',
    outcome_message = '这个备份之后可能另有上报，平台上现在的内容不明'
from newest as n
where r.platform = n.platform and r.record_id = n.record_id and r.version = n.version
