-- Whether a bad row came again is one look, however many nights have repeated it.
create index quarantine_by_row on exchange.quarantine (row_key, quarantine_id)
