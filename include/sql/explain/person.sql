-- The name of the natural person whom a record is about, so that it is not printed with what people wrote about them.
select subject_name from exchange.record where record_id = :record_id and subject_kind = 'person'
