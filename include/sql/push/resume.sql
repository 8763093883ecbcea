-- A shipment that waited for a retry is under way again.
update exchange.shipment set state = 'ready' where shipment_no = :shipment_no and fence = :fence
