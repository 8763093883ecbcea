-- COPY of what has stood since before the table got a new version.
copy stood (record_id, business_date, sequence, generation) from stdin with (format csv)
