-- Other records of the same document and agency as these: at a platform without record ids they might share a row.
-- Step by step, each by key: there are nearly always none. Of an agency under the placeholder code, which many share, the
-- code alone travels; what stands behind the slash is ours.
with ours as materialized (
    select r.record_id, r.agency_code, r.document_key, r.dataset
    from exchange.record as r
    where r.record_id = any(cast(:record_ids as text []))
)

select distinct p.record_id
from ours as r
cross join lateral (
    select s.record_id
    from exchange.record as s
    where
        s.document_key = r.document_key
        and s.dataset = r.dataset
        and s.record_id <> r.record_id
        and split_part(s.agency_code, '/', 1) = split_part(r.agency_code, '/', 1)
    offset 0
) as p
