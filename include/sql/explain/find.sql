-- Records by their document number, for people who do not have a record id.
select record_id from report.record where document_no = :document_no order by record_id
