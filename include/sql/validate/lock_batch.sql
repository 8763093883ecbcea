-- The batch to validate, locked so that two runs of the same night cannot validate it twice.
select
    batch_id, feed, department, department_name, dataset, schema_version, business_date, generation, stage, state, digest,
    landed_uri, rows_delivered, rows_quarantined, rows_unchanged, rows_accepted, rows_held, source_detail, approved_by
from exchange.batch
where batch_id = :batch_id
for update
