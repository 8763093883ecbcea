-- Nothing was delivered, and the feed's contract allows it for this date: an empty, finished batch that nobody waits for. One that
-- comes after all is taken when 采集 is cleared. No row: as mark_missing.sql.
update exchange.batch
set state = 'complete',
    stage = 'merged',
    problem = null
where batch_id = :batch_id and waived_by is null and landed_uri is null
