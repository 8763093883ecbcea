-- In this transaction everything is looked up by key: a bulk night fills tables before their statistics know of it, and a
-- plan made for the small table of yesterday would read the whole of today's for every shipment.
select
    set_config('enable_seqscan', 'off', true),
    set_config('enable_hashjoin', 'off', true),
    set_config('enable_mergejoin', 'off', true),
    set_config('enable_bitmapscan', 'off', true),
    set_config('enable_memoize', 'off', true),
    set_config('max_parallel_workers_per_gather', '0', true)
