-- Feeds of tables with rows that no night will ever take, since their update time is absent or none: what the newest
-- delivery of each found beside its own rows. Looked for among the deliveries that had such rows.
select b.batch_id, b.feed, b.department_name, cast(b.source_detail ->> 'undated' as bigint) as undated
from exchange.batch as b
where
    b.source_detail @@ '$.undated > 0'
    and not exists (
        select from exchange.batch as newer
        where
            newer.feed = b.feed
            and (newer.business_date, newer.generation) > (b.business_date, b.generation)
            and newer.source_detail ->> 'undated' is not null
    )
order by b.feed
