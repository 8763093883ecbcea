-- COPY of what one newer batch said.
copy later (
    line_no, record_id, sequence, content_digest, batch_id, business_date, generation
) from stdin with (format csv)
