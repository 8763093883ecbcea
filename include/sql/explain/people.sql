-- The people whom these records name: natural persons, and representatives and operators. Their names may not stand in what a
-- platform says of a record, nor in what people write about it where others read that.
select
    r.record_id,
    array(
        select r.subject_name where r.subject_kind = 'person'
        union
        select f.value from jsonb_each_text(v.content::jsonb) as f where f.key = any(cast(:representatives as text []))
    ) as names
from exchange.record as r
left join lateral (
    select w.content
    from exchange.record_version as w
    where w.record_id = r.record_id and w.content is not null
    order by w.version desc
    limit 1
) as v on true
where r.record_id = any(cast(:record_ids as text []))
