-- Open rows by feed and rule; the line of a feed without a rule counts its rows, each once. A row that was delivered on several
-- days waits once.
select b.feed, b.department, b.department_name, b.dataset, r.rule_id,
       count(distinct q.row_key) as open_rows, min(q.first_seen_at) as oldest
from exchange.quarantine as q
join exchange.batch as b on b.batch_id = q.batch_id
join exchange.quarantine_reason as r on r.quarantine_id = q.quarantine_id
where q.state = 'open'
  and not exists (
      select 1 from exchange.quarantine as n
      where n.row_key = q.row_key and n.quarantine_id > q.quarantine_id and n.state = 'open'
  )
group by grouping sets (
    (b.feed, b.department, b.department_name, b.dataset), (b.feed, b.department, b.department_name, b.dataset, r.rule_id)
)
order by b.feed, r.rule_id nulls first
