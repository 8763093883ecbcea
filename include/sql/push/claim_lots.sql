-- The next lots to pack: takedowns first, then the oldest, as far as they are of one data set and operation.
with head as (
    select l.lot_id, l.priority, l.dataset, l.op
    from exchange.lot as l
    where l.platform = :platform and l.priority <= :priority
    order by l.priority, l.lot_id
    limit 1
)

select l.lot_id, l.first_id, l.last_id
from exchange.lot as l
inner join head as h on l.priority = h.priority and l.dataset = h.dataset and l.op = h.op
where l.platform = :platform and l.lot_id >= h.lot_id
order by l.lot_id
limit 20
