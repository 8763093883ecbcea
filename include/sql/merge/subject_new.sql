-- A new subject for every group of codes nobody has reported before.
with unknown as (
    select link.leader
    from subject_link as link
    group by link.leader
    having count(link.subject_id) = 0
    order by link.leader
),

fresh as (
    select leader, nextval((select pg_get_serial_sequence('exchange.subject', 'subject_id'))) as subject_id
    from unknown
),

made as (
    insert into exchange.subject (subject_id, kind, uscc, created_batch)
    select fresh.subject_id, min(s.subject_kind), min(s.subject_code), :batch_id
    from fresh
    inner join (select distinct leader, subject_ref from subject_link) as l on fresh.leader = l.leader
    inner join staged as s on l.subject_ref = s.subject_ref
    group by fresh.subject_id
)

update subject_link set subject_id = fresh.subject_id
from fresh
where subject_link.leader = fresh.leader
