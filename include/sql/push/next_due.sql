-- In how many seconds the next thing can be done, by what it is.
select 'shipment' as what, min(extract(epoch from next_attempt_at - clock_timestamp()))::float8 as seconds
from exchange.shipment
where
    platform = :platform and state in ('ready', 'retry') and shipment_no <> all(cast(:skip as text []))
    and (lease_until is null or lease_until < clock_timestamp())
union all
select 'unknown', min(extract(epoch from greatest(next_attempt_at, coalesce(lease_until, next_attempt_at)) - clock_timestamp()))
from exchange.shipment
where platform = :platform and state = 'unknown' and shipment_no <> all(cast(:skip as text []))
union all
select 'task', min(extract(epoch from greatest(next_attempt_at, coalesce(lease_until, next_attempt_at)) - clock_timestamp()))
from exchange.shipment
where platform = :platform and state = 'awaiting_receipt' and shipment_no <> all(cast(:skip as text []))
union all
select 'other', min(extract(epoch from lease_until - clock_timestamp()))
from exchange.shipment
where
    platform = :platform
    -- what was being sent when its lease ended is found by `recover` next
    and (state = 'sending' or (state in ('ready', 'retry') and lease_until >= clock_timestamp()))
union all
select 'record', min(extract(epoch from o.not_before - clock_timestamp()))
from exchange.release as o
where
    o.platform = :platform
    and o.state in ('waiting', 'retry')
    and o.not_before > clock_timestamp() - interval '1 second' -- earlier: something else keeps it
    and o.outbox_id <> all(cast(:skip_rows as bigint []))
