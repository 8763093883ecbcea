-- Whose names may not stand in what a platform says of these records: of natural persons, and of representatives and operators.
select
    r.record_id,
    array_remove(
        array[
            case when r.subject_kind = 'person' then r.subject_name end,
            v.content::jsonb ->> cast(:representative as text)
        ],
        null
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
