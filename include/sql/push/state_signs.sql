-- What a platform showed in passing. What was not seen this time stays: a certificate ends when it ends.
update exchange.platform_state set
    certificate_ends = coalesce(:certificate_ends, certificate_ends),
    clock_ahead = :clock_ahead,
    seen_at = clock_timestamp()
where platform = :platform
