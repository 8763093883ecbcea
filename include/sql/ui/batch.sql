-- One batch with its counts, where its bytes came from, and the one that was collected in its place.
select batch_id, feed, department, department_name, dataset, schema_version, business_date, generation, stage, state,
       problem, was_missing, rows_delivered, rows_accepted, rows_quarantined, rows_unchanged, rows_held, digest,
       landed_bytes, source_detail ->> 'file' as source_file, docs_uri, code_version, approved_by, approved_reason,
       waived_by, waived_reason,
       collected_at, validated_at, merged_at, state = 'complete' and digest is null as is_absent,
       (
           select n.batch_id from exchange.batch as n
           where n.feed = b.feed and n.business_date = b.business_date and n.generation > b.generation
           order by n.generation desc limit 1
       ) as newer_batch
from exchange.batch as b where batch_id = :batch_id
