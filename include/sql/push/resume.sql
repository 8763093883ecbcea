-- A shipment that waited to be sent (again) is under way.
update exchange.shipment set state = 'ready' where shipment_no = :shipment_no and fence = :fence
