-- What each feed delivered for a business date, newest generation. `replayed`: the earlier date whose delivery had these very
-- bytes, where other ones came in between: an old file under a new name takes back whatever was corrected since.
select distinct on (b.feed) b.batch_id, b.feed, b.department_name, b.dataset, b.stage, b.state, b.problem, b.generation, b.was_missing,
       b.waived_by, b.waived_reason,
       b.rows_delivered, b.rows_accepted, b.rows_quarantined, b.rows_unchanged, b.rows_held, b.collected_at,
       case
           when b.rows_delivered > 0 and exists (
               select 1 from exchange.batch as o
               where o.feed = b.feed and o.digest <> b.digest and o.business_date < b.business_date
                 and o.business_date > (b.source_detail ->> 'same_bytes_as')::date
           ) then (b.source_detail ->> 'same_bytes_as')::date
       end as replayed
from exchange.batch as b where b.business_date = :business_date
order by b.feed, b.generation desc
