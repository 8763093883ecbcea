-- Batches of the same feed that may hold newer rows than this one and are already merged: later days, and other generations of
-- this day, of which the source's own sequence says which row is newer.
select batch_id, business_date, generation, identities_uri
from exchange.batch
where
    feed = :feed
    and business_date >= :business_date
    and (business_date, generation) <> (:business_date, :generation)
    and stage = 'merged'
    and identities_uri is not null
order by business_date, generation
