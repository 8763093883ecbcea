-- Groups that share a code or a known subject take the first leader of them, and its leader in turn; repeated until no two do.
-- A ref has as many rows as it has codes, and one leader: it is asked for that once.
with ref as (
    select distinct subject_ref, leader
    from subject_link
),

seen as (
    select subject_ref, min(leader) over (partition by code) as leader
    from subject_link
    union all
    select subject_ref, min(leader) over (partition by subject_id)
    from subject_link
    where subject_id is not null
    union all
    select l.subject_ref, k.leader
    from ref as l
    inner join ref as k on l.leader = k.subject_ref
),

first as (
    select subject_ref, min(leader) as leader
    from seen
    group by subject_ref
)

update subject_link as l set leader = f.leader
from first as f
where l.subject_ref = f.subject_ref and f.leader < l.leader
