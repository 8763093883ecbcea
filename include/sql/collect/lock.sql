-- Two runs must not collect the same feed and business date at once: the second one waits or gives up.
select pg_try_advisory_lock(hashtextextended(:key, 0))
