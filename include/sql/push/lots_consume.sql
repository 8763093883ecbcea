-- What was taken of these lots is no longer theirs: up to this outbox id.
with over as (
    delete from exchange.lot
    where lot_id = any(cast(:lot_ids as bigint [])) and last_id <= :upto
)

update exchange.lot set first_id = :upto + 1
where lot_id = any(cast(:lot_ids as bigint [])) and last_id > :upto and first_id <= :upto
