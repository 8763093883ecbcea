-- Shipments of which nobody knows for more than an hour (real time) whether they arrived.
select platform, count(*) as shipments, sum(records) as records,
       min(coalesce(sent_at, created_at)) as since
from exchange.shipment
where state = 'unknown' and coalesce(sent_at, created_at) < now() - interval '1 hour'
group by platform
order by platform
