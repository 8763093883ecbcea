-- What has not reached its platform yet, by state and age: what has a word of its own, and what is on its way.
with waiting as (
    select platform, dataset, op, exchange.state_of(state, null) as state, decided_at, outcome_code
    from exchange.release
    where state in ('waiting', 'retry') and op is not null
    union all
    select platform, dataset, op, state, decided_at, outcome_code
    from exchange.release
    where state in ('rejected', 'held') and op is not null
    union all
    select platform, dataset, op, state, decided_at, outcome_code from exchange.on_its_way
)
select platform, dataset, op, state, count(*) as records, min(decided_at) as oldest, max(outcome_code) as last_code
from waiting
group by platform, dataset, op, state
order by platform, dataset, op, state
