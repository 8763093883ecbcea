-- One batch, for reading its landed bytes.
select batch_id, feed, schema_version, business_date, generation, stage, state, problem, digest, landed_uri, approved_by, waived_by, source_detail
from exchange.batch
where batch_id = :batch_id
