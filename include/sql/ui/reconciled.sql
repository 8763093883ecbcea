-- When each platform's list was last compared as a whole, and what it came to.
select distinct on (n.platform) n.platform, n.finished_at, n.compared, n.differences
from exchange.reconciliation as n
where n.finished_at is not null
order by n.platform, n.reconciliation_id desc
