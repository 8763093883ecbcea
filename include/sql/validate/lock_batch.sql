-- The batch to validate; the lock on it is taken by the statement before.
select
    batch_id, feed, department, department_name, dataset, schema_version, business_date, generation, stage, state, digest,
    landed_uri, rows_delivered, rows_quarantined, rows_unchanged, rows_accepted, rows_held, source_detail, approved_by
from exchange.batch
where batch_id = :batch_id
