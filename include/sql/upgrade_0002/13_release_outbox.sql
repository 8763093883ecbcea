-- Rows of the outbox are read by their id.
create unique index release_outbox on exchange.release (outbox_id) where outbox_id is not null
