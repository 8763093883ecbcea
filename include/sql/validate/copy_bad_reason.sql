-- COPY of the reasons of failing rows.
copy bad_reason (line_no, rule_id, field, message) from stdin with (format csv)
