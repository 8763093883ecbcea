"""The steps of the exchange, each reading the store before it and writing the one after it."""
