-- Every code of the batch with the subject it already belongs to; a first look at which refs share a code.
create temporary table subject_link on commit drop as
with code as (
    select distinct s.subject_ref, c.code
    from staged as s, unnest(s.subject_codes) as c (code)
),

leader as (
    select a.subject_ref, min(b.subject_ref) as leader
    from code as a
    inner join code as b on a.code = b.code
    group by a.subject_ref
)

select
    code.subject_ref,
    code.code,
    least(leader.leader, code.subject_ref) as leader,
    known.subject_id
from code
inner join leader on code.subject_ref = leader.subject_ref
left join exchange.subject_code as known on code.code = known.code
