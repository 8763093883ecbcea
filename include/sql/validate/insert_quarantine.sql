-- Failing rows into quarantine; the same row of the same feed keeps the time it was first seen.
insert into exchange.quarantine (batch_id, line_no, disposition, record_id, row_key, row_sealed, first_seen_at)
select
    :batch_id, b.line_no, b.disposition, b.record_id, b.row_key, b.row_sealed,
    coalesce(
        (select min(q.first_seen_at) from exchange.quarantine as q where q.row_key = b.row_key),
        cast(:now as timestamptz)
    )
from bad_row as b
order by b.line_no
