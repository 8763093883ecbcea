-- Open rows by feed and rule.
select b.feed, b.department_name, b.dataset, r.rule_id, count(distinct q.quarantine_id) as open_rows
from exchange.quarantine as q
join exchange.batch as b on b.batch_id = q.batch_id
join exchange.quarantine_reason as r on r.quarantine_id = q.quarantine_id
where q.state = 'open'
group by b.feed, b.department_name, b.dataset, r.rule_id
order by open_rows desc, b.feed, r.rule_id
limit 60
