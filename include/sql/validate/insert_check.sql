-- How many rows failed one rule on one field.
insert into exchange.batch_check (batch_id, rule_id, field, severity, failed, checked)
values (:batch_id, :rule_id, :field, :severity, :failed, :checked)
