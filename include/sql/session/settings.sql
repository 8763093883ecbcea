-- What every step relies on in its session: a pooler may have dropped it.
select
    current_setting('timezone') as timezone,
    current_setting('search_path') as search_path,
    current_setting('statement_timeout') as statement_timeout
