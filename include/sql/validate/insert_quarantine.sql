-- Failing rows into quarantine; the same row of the same feed keeps the time it was first seen, and what was dismissed is not
-- asked for again each time a full file repeats it.
insert into exchange.quarantine (
    batch_id, line_no, disposition, record_id, row_key, row_sealed, first_seen_at, state, settled_at, settled_by, settled_reason
)
select
    :batch_id,
    b.line_no,
    b.disposition,
    b.record_id,
    b.row_key,
    b.row_sealed,
    coalesce(
        (select min(q.first_seen_at) from exchange.quarantine as q where q.row_key = b.row_key),
        cast(:now as timestamptz)
    ),
    case when d.settled_at is null then 'open' else 'dismissed' end,
    case when d.settled_at is not null then cast(:now as timestamptz) end,
    d.settled_by,
    d.settled_reason
from bad_row as b
left join lateral (
    select q.settled_at, q.settled_by, q.settled_reason
    from exchange.quarantine as q
    where q.row_key = b.row_key and q.state = 'dismissed'
    order by q.quarantine_id desc
    limit 1
) as d on true
order by b.line_no
