-- Which records lie at the platform under these identities.
select wire_key, record_id
from exchange.wire_identity
where platform = :platform and wire_key = any(cast(:wire_keys as text []))
