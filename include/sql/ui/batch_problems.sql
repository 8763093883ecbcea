-- Rows of a batch in quarantine with all their reasons; record_id only where there is such a record.
select q.line_no, q.disposition, q.state, r.record_id, s.rule_id, s.field, s.message
from (
    select * from exchange.quarantine where batch_id = :batch_id order by line_no limit :size
) as q
join exchange.quarantine_reason as s using (quarantine_id)
left join exchange.record as r on r.record_id = q.record_id
order by q.line_no, s.rule_id, s.field
