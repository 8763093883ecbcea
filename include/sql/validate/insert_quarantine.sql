-- Failing rows into quarantine; the same row of the same feed keeps the time it was first seen, and what was dismissed is not
-- asked for again each time a full file repeats it. Nor is what was corrected since, where an earlier day comes late or again.
insert into exchange.quarantine (
    batch_id, line_no, disposition, record_id, row_key, row_sealed, first_seen_at, state, settled_at, settled_by, settled_reason,
    corrected_by_batch
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
    coalesce(d.state, 'open'),
    case when d.state is not null then cast(:now as timestamptz) end,
    d.settled_by,
    d.settled_reason,
    d.corrected_by_batch
from bad_row as b
left join lateral (
    select q.state, q.settled_by, q.settled_reason, q.corrected_by_batch
    from exchange.quarantine as q
    where
        q.row_key = b.row_key
        and (
            q.state = 'dismissed'
            or (
                q.state = 'corrected'
                and exists (
                    select 1
                    from exchange.batch as c, exchange.batch as mine
                    where
                        c.batch_id = q.corrected_by_batch
                        and mine.batch_id = :batch_id
                        and (c.business_date, c.generation) >= (mine.business_date, mine.generation)
                )
            )
        )
    order by q.state = 'dismissed' desc, q.quarantine_id desc
    limit 1
) as d on true
order by b.line_no
