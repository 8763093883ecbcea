-- What each feed last said, and older rows that never became current. Where feeds differ, the record may hold values of several:
-- stands_for names the fields in which it holds what this one says and another one does not say.
with said as (
    select c.record_id, c.feed, coalesce(c.content, v.content)::jsonb as content
    from exchange.claim as c
    left join exchange.record_version as v on c.record_id = v.record_id and c.content_version = v.version
    where c.record_id = :record_id
)

select
    c.feed, c.department, c.business_date, c.sequence, c.batch_id, c.line_no,
    c.content_digest = r.content_digest as stands_whole,
    array(
        select f.key
        from jsonb_each_text(s.content) as f
        where
            left(f.key, 1) <> '_'
            and w.content::jsonb ->> f.key = f.value
            and exists (select from said as o where o.feed <> c.feed and o.content ->> f.key is distinct from f.value)
        order by f.key
    ) as stands_for,
    false as history
from exchange.claim as c
inner join exchange.record as r on c.record_id = r.record_id
inner join exchange.record_version as w on r.record_id = w.record_id and r.content_version = w.version
left join said as s on c.feed = s.feed
where c.record_id = :record_id
union all
select h.feed, b.department, h.business_date, h.sequence, h.batch_id, h.line_no, false, '{}'::text [], true
from exchange.claim_history as h
inner join exchange.batch as b on h.batch_id = b.batch_id
where h.record_id = :record_id
order by 3, 1
