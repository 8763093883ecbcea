-- Why rows were held back, counted by rule and field, with the first line a person can look at.
select rule_id, field, count(*) as row_count, min(line_no) as first_line, min(message) as message
from report.quarantine
group by rule_id, field
order by rule_id, field
