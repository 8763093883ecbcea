-- One page of the platform's list.
copy exchange.listed (reconciliation_id, place, record_id, version, digest) from stdin (format csv)
