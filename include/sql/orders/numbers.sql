-- The sealed numbers of documents in these records, in any version and in every feed's last word: what people write about a record,
-- and what a platform says of it, is kept without them; it may well quote one that was corrected since.
select distinct said.record_id, f.value
from (
    select v.record_id, v.content from exchange.record_version as v
    where v.record_id = any(cast(:record_ids as text [])) and v.content is not null
    union all
    select c.record_id, c.content from exchange.claim as c
    where c.record_id = any(cast(:record_ids as text [])) and c.content is not null
) as said
cross join lateral jsonb_each_text(said.content::jsonb) as f
where f.value like :prefix || '%'
