-- Adds what the reader found (encoding, rows, new columns) to what is known about the source.
update exchange.batch
set source_detail = source_detail || cast(:detail as jsonb)
where batch_id = :batch_id
