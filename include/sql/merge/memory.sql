-- Room to hash and sort a large batch in memory, and cursors planned to be read to their end; for this transaction only.
select
    set_config('work_mem', '256MB', true) as work_mem,
    set_config('cursor_tuple_fraction', '1', true) as cursor_tuple_fraction
