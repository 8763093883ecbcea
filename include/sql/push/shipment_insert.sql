-- A shipment with its bytes and keys, before anything is sent; leased at once to whoever packed it.
insert into exchange.shipment (
    shipment_no, platform, dataset, lane, op, batch_no, idem_key, body_sealed, body_digest, records, lease_owner,
    lease_until, fence
) values (
    :shipment_no, :platform, :dataset, :lane, :op, :batch_no, :idem_key, :body_sealed, :body_digest, :records, :owner,
    clock_timestamp() + make_interval(secs => :lease), 1
)
returning shipment_id
