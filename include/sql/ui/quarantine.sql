-- Rows that wait for correction, newest first, by key; one that was delivered on several days as it was, once: the newest is one
-- look in the index, however many nights have repeated it. One column of an older table may stand for two fields: what is wrong
-- with it is said once.
select q.quarantine_id, q.batch_id, q.line_no, q.disposition, q.state, q.record_id, q.first_seen_at,
       b.feed, b.department_name, b.dataset, b.business_date, s.rule_ids, s.messages
from exchange.quarantine as q
join exchange.batch as b on b.batch_id = q.batch_id
join lateral (
    select array_agg(distinct r.rule_id) as rule_ids,
           string_agg(r.message, '；' order by r.rule_id, r.field) filter (where r.first) as messages
    from (
        select rule_id, field, message, row_number() over (partition by message order by rule_id, field) = 1 as first
        from exchange.quarantine_reason
        where quarantine_id = q.quarantine_id
    ) as r
) as s on true
where q.state = 'open'
  and q.quarantine_id = (
      select max(n.quarantine_id) from exchange.quarantine as n where n.row_key = q.row_key and n.state = 'open'
  )
  and (cast(:before as bigint) is null or q.quarantine_id < cast(:before as bigint))
  and (cast(:feed as text) is null or b.feed = cast(:feed as text))
  and (cast(:rule as text) is null or cast(:rule as text) = any(s.rule_ids))
order by q.quarantine_id desc
limit :size
