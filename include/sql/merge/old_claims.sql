-- What this feed said before of records of which it says something else now, as far as it used codes that are no longer there.
select
    s.record_id,
    s.content_digest,
    c.business_date,
    c.sequence,
    c.generation,
    coalesce(c.content, v.content) as content
from found as s
inner join exchange.claim as c on s.record_id = c.record_id and c.feed = :feed
left join exchange.record_version as v on c.record_id = v.record_id and c.content_version = v.version
where s.verdict = 'changed' and jsonb_exists_any(coalesce(c.content, v.content)::jsonb, cast(:gone as text []))
order by s.record_id
