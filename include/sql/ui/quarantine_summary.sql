-- Open rows by feed and rule; the line of a feed without a rule counts its rows, each once.
select b.feed, b.department, b.department_name, b.dataset, r.rule_id,
       count(distinct q.quarantine_id) as open_rows, min(q.first_seen_at) as oldest
from exchange.quarantine as q
join exchange.batch as b on b.batch_id = q.batch_id
join exchange.quarantine_reason as r on r.quarantine_id = q.quarantine_id
where q.state = 'open'
group by grouping sets (
    (b.feed, b.department, b.department_name, b.dataset), (b.feed, b.department, b.department_name, b.dataset, r.rule_id)
)
order by b.feed, r.rule_id nulls first
