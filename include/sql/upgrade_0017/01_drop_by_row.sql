-- The index by row alone: a full file repeats its bad rows each night, and whether a row came again was asked of each of them.
drop index exchange.quarantine_by_row
