-- A shipment with its bytes and keys, before anything is sent.
insert into exchange.shipment (
    shipment_no, platform, dataset, lane, op, batch_no, idem_key, body_sealed, body_digest, records
) values (
    :shipment_no, :platform, :dataset, :lane, :op, :batch_no, :idem_key, :body_sealed, :body_digest, :records
)
