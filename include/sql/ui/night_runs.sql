-- The runs of a business date.
select run_id, kind, started_at, finished_at, outcome, failed_parts, causes
from exchange.night where business_date = :business_date order by started_at desc limit 20
