-- Which records a platform without a list is asked about next: those that a person named, those that differed, then in turns one that
-- was taken down and one that is shown, so that neither keeps the other from being asked about; of each those that it was not asked
-- about for longest, the newest first. Only what a shipment of ours brought or removed.
with waiting as (
    select
        w.record_id,
        w.op,
        w.outbox_id,
        a.asked_at,
        exists (select 1 from exchange.difference as d where d.platform = :platform and d.record_id = w.record_id) as differed
    from exchange.last_word as w
    left join exchange.asked as a on w.record_id = a.record_id and a.platform = :platform
    where
        w.platform = :platform
        and w.dataset = any(cast(:datasets as text []))
        and w.is_taken
        and w.shipment_id is not null
)

select w.record_id
from waiting as w
order by
    w.record_id = any(cast(:named as text [])) desc,
    w.differed desc,
    row_number() over (partition by w.differed, w.op order by w.asked_at nulls first, w.outbox_id desc),
    w.op desc -- a takedown before an upsert
limit :most
