-- Attempts still refer to the number.
alter table exchange.attempt
add constraint attempt_shipment_no_fkey foreign key (shipment_no) references exchange.shipment (shipment_no)
