-- The batch is merged: its numbers and its state.
update exchange.batch set
    stage = 'merged',
    state = :state,
    problem = null,
    rows_accepted = :accepted,
    rows_unchanged = :unchanged,
    merged_at = clock_timestamp()
where batch_id = :batch_id
