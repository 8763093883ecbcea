-- What is not finished at the platform.
select state, count(*) as records
from exchange.outbox
where platform = :platform and state in ('ready', 'sending', 'awaiting_receipt', 'unknown', 'retry')
group by state
