-- All rows of a shipment that are under way with it move together.
update exchange.outbox set state = :state, outcome_code = :code
where shipment_no = :shipment_no and state in ('sending', 'awaiting_receipt', 'unknown', 'retry')
