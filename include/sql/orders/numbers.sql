-- The sealed numbers of documents in the newest content of a record: what a person writes about it leaves without them.
select f.value
from (
    select w.content
    from exchange.record_version as w
    where w.record_id = :record_id and w.content is not null
    order by w.version desc
    limit 1
) as v
cross join lateral jsonb_each_text(v.content::jsonb) as f
where f.value like :prefix || '%'
