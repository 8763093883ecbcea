-- Every code of the batch with the subject it already belongs to; a first look at which refs share a code.
create temporary table subject_link on commit drop as
with code as (
    select distinct s.subject_ref, c.code
    from staged as s, unnest(s.subject_codes) as c (code)
),

leader as (
    -- each code is looked at once, however many refs share it: in pairs they would be their square
    select c.subject_ref, min(c.leader) as leader
    from (
        select code.subject_ref, min(code.subject_ref) over (partition by code.code) as leader
        from code
    ) as c
    group by c.subject_ref
)

select
    code.subject_ref,
    code.code,
    least(leader.leader, code.subject_ref) as leader,
    known.subject_id
from code
inner join leader on code.subject_ref = leader.subject_ref
left join exchange.subject_code as known on code.code = known.code
