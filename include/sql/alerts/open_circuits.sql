-- Platforms that are not called at the moment because they do not work.
select platform, coalesce(reason, '') as reason, failures, open_until
from exchange.platform_state
where circuit <> 'closed'
order by platform
