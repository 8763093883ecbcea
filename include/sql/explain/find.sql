-- Records by their document number as it is compared, for people who do not have a record id.
select record_id from exchange.record where document_key = :document_key order by record_id
