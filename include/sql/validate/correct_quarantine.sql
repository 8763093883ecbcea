-- Older open rows of a record that has now come in good order are corrected by this batch: those of the same department.
-- What another one says of the record corrects nothing, and the row has yet to go back to whoever sent it.
-- An order that was not carried out (OP03) is settled by an order only: tomorrow's full file has the record again, and a
-- withdrawal would be lost. What may have been one (OP01) is settled by contents as long as nothing is known of the decision:
-- the record may go by another code of its subject, or by one where the row has an unusable one.
-- Locked in one order: two feeds of a department may correct the same rows at once.
with due as materialized (
    select q.quarantine_id
    from exchange.quarantine as q
    inner join exchange.batch as b on q.batch_id = b.batch_id
    inner join exchange.batch as mine on mine.batch_id = :batch_id
    where
        q.state = 'open'
        and b.batch_id <> mine.batch_id
        and b.department = mine.department
        and (b.business_date, b.generation) <= (mine.business_date, mine.generation)
        and exists (
            select 1
            from good_record as g
            where
                g.record_id = q.record_id
                and (
                    g.is_order
                    or not exists (
                        select 1
                        from exchange.quarantine_reason as r
                        where
                            r.quarantine_id = q.quarantine_id
                            and (
                                r.rule_id = 'OP03'
                                or (
                                    r.rule_id = 'OP01'
                                    and exists (
                                        select 1
                                        from exchange.record as k
                                        where
                                            k.dataset = mine.dataset
                                            and k.document_key = g.document_key
                                            and k.agency_code = g.agency_code
                                    )
                                )
                            )
                    )
                )
        )
    order by q.quarantine_id
    for update of q
)

update exchange.quarantine as q set
    state = 'corrected',
    settled_at = cast(:now as timestamptz),
    settled_by = 'validate',
    settled_reason = '同一记录已重新报送并通过校验',
    corrected_by_batch = :batch_id
from due
where q.quarantine_id = due.quarantine_id
