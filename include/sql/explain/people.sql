-- The people whom these records name, or named before: natural persons under every name they were reported by, and the
-- representatives and operators of every version and of every feed's last word. Their names may not stand in what a platform says
-- of a record, nor in what people write about it where others read that: a reason may well use the name before its correction.
select
    r.record_id,
    array(
        select f.value
        from (
            select v.content from exchange.record_version as v where v.record_id = r.record_id and v.content is not null
            union all
            select c.content from exchange.claim as c where c.record_id = r.record_id and c.content is not null
        ) as said
        cross join jsonb_each_text(said.content::jsonb) as f
        where
            f.key = any(cast(:representatives as text []))
            or (f.key = any(cast(:subjects as text [])) and said.content::jsonb ->> '_subject_kind' = 'person')
        union
        select r.subject_name where r.subject_kind = 'person'
        union
        select n.name from exchange.subject_name as n where n.subject_id = r.subject_id and r.subject_kind = 'person'
    ) as names
from exchange.record as r
where r.record_id = any(cast(:record_ids as text []))
