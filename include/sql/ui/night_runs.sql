-- The runs of a business date, the one that began or was cleared last first: that is where the date stands.
select run_id, kind, started_at, finished_at, outcome, failed_parts, causes
from exchange.night where business_date = :business_date order by greatest(started_at, reopened_at) desc limit 20
