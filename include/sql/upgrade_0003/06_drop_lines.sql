-- Nothing is left that the runs do not say.
drop table exchange.shipment_line
