-- COPY of the records that this batch brings in good order.
copy good_record (record_id, is_order, agency_code, document_key) from stdin with (format csv)
