-- Rows of this record that were held back.
select q.business_date, q.feed, q.batch_id, q.line_no, q.rule_id, q.field, q.message, q.state
from report.quarantine as q
inner join exchange.quarantine as k on q.quarantine_id = k.quarantine_id
where k.record_id = :record_id
order by q.business_date, q.line_no, q.rule_id
