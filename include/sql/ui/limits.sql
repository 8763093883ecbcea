-- A page must never hold the database up.
set local statement_timeout = '8s'
