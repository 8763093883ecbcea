-- The batch to merge, locked so that two runs of the same night cannot merge it twice.
select
    batch_id, feed, department, dataset, business_date, generation, stage, state, problem, rows_delivered, rows_quarantined,
    rows_held, rows_accepted, rows_unchanged, accepted_uri, identities_uri, was_missing, source_detail
from exchange.batch
where batch_id = :batch_id
for update
