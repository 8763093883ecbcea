-- The rules of a batch, those that failed first.
select rule_id, field, severity, failed, checked from exchange.batch_check
where batch_id = :batch_id order by failed desc, rule_id, field
