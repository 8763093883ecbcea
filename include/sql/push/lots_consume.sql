-- What was taken of these lots is no longer theirs: of each up to its own id, since a later lot may hold earlier ids.
with taken as (
    select t.lot_id, t.upto
    from unnest(cast(:lot_ids as bigint []), cast(:last_ids as bigint [])) as t (lot_id, upto)
),

over as (
    delete from exchange.lot as l using taken as t
    where l.lot_id = t.lot_id and l.last_id <= t.upto
)

update exchange.lot as l set first_id = t.upto + 1
from taken as t
where l.lot_id = t.lot_id and l.last_id > t.upto
