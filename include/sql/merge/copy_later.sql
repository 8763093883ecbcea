-- COPY of the record ids of one newer batch.
copy later (record_id) from stdin with (format csv)
