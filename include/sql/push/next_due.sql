-- In how many seconds the next thing can be done, by what it is.
select 'shipment' as what, min(extract(epoch from next_attempt_at - clock_timestamp()))::float8 as seconds
from exchange.shipment
where platform = :platform and state in ('ready', 'retry') and shipment_no <> all(cast(:skip as text []))
union all
select 'unknown', min(extract(epoch from greatest(next_attempt_at, coalesce(lease_until, next_attempt_at)) - clock_timestamp()))
from exchange.shipment
where platform = :platform and state = 'unknown' and shipment_no <> all(cast(:skip as text []))
union all
select 'task', min(extract(epoch from greatest(next_attempt_at, coalesce(lease_until, next_attempt_at)) - clock_timestamp()))
from exchange.shipment
where platform = :platform and state = 'awaiting_receipt'
union all
select 'other', min(extract(epoch from lease_until - clock_timestamp()))
from exchange.shipment
where platform = :platform and state = 'sending'
union all
select 'record', min(extract(epoch from o.not_before - clock_timestamp()))
from exchange.outbox as o
where
    o.platform = :platform
    and o.state = 'retry'
    and o.not_before is not null
    and o.outbox_id <> all(cast(:skip_rows as bigint []))
    and not exists (select 1 from exchange.shipment as s where s.shipment_no = o.shipment_no and s.state = 'retry')
