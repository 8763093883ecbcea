-- What each feed delivered for a business date, newest generation. `replayed`: the earlier date whose delivery had these very
-- bytes, where other ones came in between. `is_absent`: nothing was delivered, and nobody waits for it.
select distinct on (b.feed)
    b.batch_id, b.feed, b.department_name, b.dataset, b.stage, b.state, b.problem, b.generation, b.was_missing, b.waived_by,
    b.waived_reason, b.rows_delivered, b.rows_accepted, b.rows_unchanged, b.rows_quarantined, b.rows_held, b.collected_at,
    p.same_as as replayed, b.state = 'complete' and b.digest is null as is_absent
from exchange.batch as b
left join exchange.replay as p on b.batch_id = p.batch_id
where b.business_date = :business_date
order by b.feed, b.generation desc
