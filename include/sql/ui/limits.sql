-- A page must never hold the database up, and counts the rows of a bulk night in memory.
select set_config('statement_timeout', '8s', true), set_config('work_mem', '64MB', true)
