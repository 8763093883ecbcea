-- Why a delivery could not be collected; a missing one that is now broken is remembered as having been missing.
-- No row: it was given up meanwhile and stays so, or another run has landed it, since the lock went with its session.
update exchange.batch
set was_missing = was_missing or state = 'missing',
    state = :state,
    stage = 'expected',
    problem = :problem
where batch_id = :batch_id and waived_by is null and landed_uri is null
