-- Nothing was delivered: a gap that stays visible.
-- No row: it was given up meanwhile and stays so, or another run has landed it, since the lock went with its session.
update exchange.batch
set state = 'missing',
    stage = 'expected',
    problem = :problem
where batch_id = :batch_id and waived_by is null and landed_uri is null
