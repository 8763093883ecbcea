-- A person takes a held delivery as it is.
update exchange.batch set approved_by = :approved_by, approved_reason = :reason
where batch_id = :batch_id and state = 'held'
