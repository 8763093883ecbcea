-- What waits by itself is few.
create index release_waiting on exchange.release (platform, priority, outbox_id) where state in ('waiting', 'retry')
