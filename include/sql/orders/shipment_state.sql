-- How a shipment stands.
select state, tries from exchange.shipment where shipment_no = :shipment_no
