-- When each platform was last compared, and what it came to. `asked`: of how many records, where it gives no list.
select distinct on (n.platform) n.platform, n.finished_at, n.compared, n.differences, n.asked
from exchange.reconciliation as n
where n.finished_at is not null
order by n.platform, n.reconciliation_id desc
