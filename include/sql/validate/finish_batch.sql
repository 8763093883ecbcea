-- The batch is validated: its numbers and where its accepted rows are. No row: it was given up meanwhile.
update exchange.batch set
    stage = 'validated',
    state = 'failed',
    problem = null,
    rows_delivered = :delivered,
    rows_quarantined = :quarantined,
    rows_held = :held,
    rows_accepted = 0,
    rows_unchanged = 0,
    source_detail = source_detail || jsonb_build_object('repeats', cast(:repeats as bigint)),
    filled = cast(:filled as jsonb),
    accepted_uri = :accepted_uri,
    accepted_digest = :accepted_digest,
    identities_uri = :identities_uri,
    docs_uri = :docs_uri,
    validated_at = clock_timestamp()
where batch_id = :batch_id and waived_by is null
