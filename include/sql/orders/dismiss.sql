-- A quarantined row that will not be corrected, with every repeat of it that the feed delivered on other days.
update exchange.quarantine as q set
    state = 'dismissed', settled_at = clock_timestamp(), settled_by = :dismissed_by, settled_reason = :reason
from exchange.quarantine as d
where
    d.batch_id = :batch_id
    and d.line_no = :line_no
    and d.state = 'open'
    and q.row_key = d.row_key
    and q.state = 'open'
