"""Where the exchange keeps things: PostgreSQL and the object store. SQL comes from include/sql only."""
