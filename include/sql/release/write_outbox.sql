-- What has to reach the platforms, in the same transaction as the decisions: takedowns before everything else.
insert into exchange.outbox (
    platform, dataset, record_id, version, op, priority, payload_digest, reason
)
select
    platform, dataset, record_id, version, op, case when op = 'withdraw' then 0 else 5 end, coalesce(payload_digest, ''),
    reason
from written
where op is not null
order by record_id
