-- One batch with its counts and where its bytes came from.
select batch_id, feed, department, department_name, dataset, schema_version, business_date, generation, stage, state,
       problem, was_missing, rows_delivered, rows_accepted, rows_quarantined, rows_unchanged, rows_held, digest,
       landed_bytes, source_detail ->> 'file' as source_file, docs_uri, code_version, approved_by, approved_reason,
       collected_at, validated_at, merged_at
from exchange.batch where batch_id = :batch_id
