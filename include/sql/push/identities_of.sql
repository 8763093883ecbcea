-- Under which identities these records lie at the platform.
select record_id, wire_key, identity_sealed
from exchange.wire_identity
where platform = :platform and record_id = any(cast(:record_ids as text []))
order by record_id, since
