-- Feeds of tables with rows that no night will ever take, since their update time is absent or none: what the newest
-- delivery of each found beside its own rows.
select newest.batch_id, newest.feed, newest.department_name, newest.undated
from (
    select distinct on (b.feed)
        b.batch_id,
        b.feed,
        b.department_name,
        cast(b.source_detail ->> 'undated' as bigint) as undated
    from exchange.batch as b
    where b.source_detail ->> 'undated' is not null
    order by b.feed, b.business_date desc, b.generation desc
) as newest
where newest.undated > 0
order by newest.feed
