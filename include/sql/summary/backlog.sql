-- What has not reached its platform yet, by state and age.
select platform, dataset, op, state, count(*) as records, min(created_at) as oldest, max(outcome_code) as last_code
from exchange.outbox
where state not in ('delivered', 'superseded', 'cancelled')
group by platform, dataset, op, state
order by platform, dataset, op, state
