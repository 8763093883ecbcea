-- These records lie at the platform under these identities.
insert into exchange.wire_identity (platform, wire_key, record_id, identity_sealed)
select :platform, i.wire_key, i.record_id, i.sealed
from unnest(cast(:wire_keys as text []), cast(:record_ids as text []), cast(:sealed as bytea [])) as i (
    wire_key, record_id, sealed
)
on conflict (platform, wire_key) do update set
    record_id = excluded.record_id, identity_sealed = excluded.identity_sealed
