-- Every reason of every row that this batch put into quarantine.
insert into exchange.quarantine_reason (quarantine_id, rule_id, field, message)
select q.quarantine_id, r.rule_id, r.field, r.message
from bad_reason as r
inner join exchange.quarantine as q on q.batch_id = :batch_id and r.line_no = q.line_no
