-- Deliveries that have the very bytes of an earlier one (`same_as`), where other ones came in between: an old file under a new name
-- takes back whatever was corrected since. One that repeats the delivery before it is none.
create or replace view exchange.replay as
select b.batch_id, cast(b.source_detail ->> 'same_bytes_as' as date) as same_as
from exchange.batch as b
where
    b.rows_delivered > 0
    and b.source_detail ->> 'same_bytes_as' is not null
    and exists (
        select from exchange.batch as o
        where
            o.feed = b.feed
            and o.digest <> b.digest
            and o.business_date < b.business_date
            and o.business_date > cast(b.source_detail ->> 'same_bytes_as' as date)
    )
