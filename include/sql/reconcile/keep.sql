-- What differs takes the place of what differed before; what was not compared stays as it was found. What a person ordered to be taken
-- down stays ordered while the platform does not take it: the takedown goes again to where it is shown (push/places).
with gone as (
    delete from exchange.difference as d
    where d.platform = :platform and not exists (
        select 1
        from unnest(
            cast(:places as text []) || cast(:kept_places as text []), cast(:record_ids as text []) || cast(:kept_ids as text [])
        ) as f (place, record_id)
        where f.place = d.place and f.record_id = d.record_id
    )
)

insert into exchange.difference as d (platform, place, record_id, kind, our_version, their_version, reconciliation_id)
select :platform, f.place, f.record_id, f.kind, f.our_version, f.their_version, :reconciliation_id
from unnest(
    cast(:places as text []), cast(:record_ids as text []), cast(:kinds as text []), cast(:our_versions as int []),
    cast(:their_versions as bigint [])
) as f (place, record_id, kind, our_version, their_version)
on conflict (platform, place, record_id) do update set
    kind = excluded.kind,
    our_version = excluded.our_version,
    their_version = excluded.their_version,
    reconciliation_id = excluded.reconciliation_id,
    repaired_at = case
        when d.kind = excluded.kind and exists (
            select 1 from exchange.outbox as o
            where
                o.platform = excluded.platform
                and o.record_id = excluded.record_id
                and o.op = 'withdraw'
                and o.state = 'held'
        ) then d.repaired_at
    end
