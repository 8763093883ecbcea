-- What platforms showed within the last three days: days until the certificate ends, seconds by which the clock is ahead of ours.
select
    platform,
    certificate_ends,
    extract(epoch from certificate_ends - clock_timestamp()) / 86400 as days_left,
    clock_ahead
from exchange.platform_state
where seen_at > clock_timestamp() - interval '3 days'
order by platform
