-- The newest generation of what a feed delivered for a business date.
select batch_id, feed, schema_version, business_date, generation, stage, state, problem, digest, landed_uri, approved_by, waived_by, source_detail
from exchange.batch
where feed = :feed and business_date = :business_date
order by generation desc
limit 1
