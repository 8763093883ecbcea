-- The next ids to pack, as ranges of lots: takedowns first, then the oldest, of one data set and operation, at most :limit.
-- None of those that are :stopped, which this drain sends no more of.
-- From :from_priority on: what is packed ahead of its turn leaves the takedowns to the drain itself.
with head as (
    select l.lot_id, l.priority, l.dataset, l.op
    from exchange.lot as l
    where
        l.platform = :platform
        and l.priority between :from_priority and :priority
        and l.dataset || ' ' || l.op <> all(cast(:stopped as text []))
    order by l.priority, l.lot_id
    limit 1
),

next as (
    select
        l.lot_id,
        l.first_id,
        l.last_id,
        sum(l.last_id - l.first_id + 1) over (order by l.lot_id) - (l.last_id - l.first_id + 1) as before
    from (
        select t.lot_id, t.first_id, t.last_id
        from exchange.lot as t
        inner join head as h on t.priority = h.priority and t.dataset = h.dataset and t.op = h.op
        where t.platform = :platform and t.lot_id >= h.lot_id
        order by t.lot_id
        limit 50
    ) as l
)

select n.lot_id, n.first_id, least(n.last_id, n.first_id + :limit - n.before::bigint - 1) as last_id
from next as n
where n.before < :limit
order by n.lot_id
