-- Whether publication of anything has ended since the last release: what waits may be of that, and is not to be shown any more.
select exists (select 1 from exchange.record as r where r.status = 'current' and r.publish_until < :today) as ended
