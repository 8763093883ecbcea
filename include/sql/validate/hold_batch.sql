-- The whole batch waits for a person: nothing of it is accepted or quarantined.
update exchange.batch set
    state = 'held',
    problem = :problem,
    rows_delivered = :delivered,
    rows_held = :delivered,
    rows_quarantined = 0,
    rows_accepted = 0,
    rows_unchanged = 0,
    docs_uri = coalesce(:docs_uri, docs_uri)
where batch_id = :batch_id and stage = 'collected'
