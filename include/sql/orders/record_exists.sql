-- Whether there is such a record.
select true from exchange.record where record_id = :record_id
