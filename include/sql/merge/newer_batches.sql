-- Batches of the same feed that are newer than this one and already merged.
select batch_id, business_date, generation, identities_uri
from exchange.batch
where
    feed = :feed
    and (business_date, generation) > (:business_date, :generation)
    and stage = 'merged'
    and identities_uri is not null
order by business_date, generation
