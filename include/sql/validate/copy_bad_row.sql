-- COPY of failing rows.
copy bad_row (line_no, disposition, record_id, row_key, row_sealed) from stdin with (format csv)
