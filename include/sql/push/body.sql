-- The bytes of one shipment.
select shipment_no, dataset, body_sealed
from exchange.shipment
where shipment_id = :shipment_id
