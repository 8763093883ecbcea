-- New shipments with their bytes and keys, before anything is sent; leased at once to whoever packed them.
insert into exchange.shipment (
    shipment_no, platform, dataset, lane, op, batch_no, idem_key, body_sealed, body_digest, records, lease_owner,
    lease_until, fence
)
select
    n.shipment_no,
    :platform,
    n.dataset,
    n.lane,
    n.op,
    n.batch_no,
    n.idem_key,
    n.body_sealed,
    n.body_digest,
    n.records,
    :owner,
    clock_timestamp() + make_interval(secs => :lease),
    1
from unnest(
    cast(:shipment_nos as text []),
    cast(:datasets as text []),
    cast(:lanes as text []),
    cast(:ops as text []),
    cast(:batch_nos as text []),
    cast(:idem_keys as text []),
    cast(:bodies as bytea []),
    cast(:body_digests as text []),
    cast(:records as int [])
) with ordinality as n (
    shipment_no, dataset, lane, op, batch_no, idem_key, body_sealed, body_digest, records, place
)
order by n.place
returning shipment_id, shipment_no
