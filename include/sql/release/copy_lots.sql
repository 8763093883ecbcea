-- COPY of the lots of one chunk, in the same transaction as the decisions.
copy exchange.lot (platform, dataset, op, priority, first_id, last_id) from stdin with (format csv)
