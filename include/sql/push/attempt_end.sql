-- What came of an attempt.
update exchange.attempt set
    finished_at = clock_timestamp(),
    outcome = :outcome,
    http_status = :http_status,
    code = :attempt_code,
    reply_digest = :reply_digest
where attempt_id = :attempt_id
