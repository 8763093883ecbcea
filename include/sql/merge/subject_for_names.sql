-- Rows without any strong identifier: the record's own subject, joined with nobody.
with nameless as (
    select distinct on (s.record_id) s.record_id, s.subject_kind, r.subject_id as known
    from found as s
    left join exchange.record as r on s.record_id = r.record_id
    where s.subject_id is null
    order by s.record_id, s.line_no
),

fresh as (
    select
        record_id,
        subject_kind,
        known,
        coalesce(known, nextval((select pg_get_serial_sequence('exchange.subject', 'subject_id')))) as subject_id
    from nameless
),

made as (
    insert into exchange.subject (subject_id, kind, created_batch)
    select subject_id, subject_kind, :batch_id
    from fresh
    where known is null
)

update found set subject_id = fresh.subject_id
from fresh
where found.record_id = fresh.record_id and found.subject_id is null
