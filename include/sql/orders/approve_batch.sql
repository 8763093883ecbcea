-- A person takes a held delivery as it is; who did so first, and why, stays.
update exchange.batch
set approved_by = coalesce(approved_by, :approved_by),
    approved_reason = coalesce(approved_reason, :reason)
where batch_id = :batch_id and state = 'held'
returning business_date, feed
