-- The database's clock, to compare a worker's with.
select clock_timestamp()
