-- Why a delivery could not be collected; a missing one that is now broken is remembered as having been missing.
update exchange.batch
set was_missing = was_missing or state = 'missing',
    state = :state,
    stage = 'expected',
    problem = :problem
where batch_id = :batch_id
