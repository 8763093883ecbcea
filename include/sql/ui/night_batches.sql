-- What each feed delivered for a business date, newest generation.
select distinct on (feed) batch_id, feed, department_name, dataset, stage, state, problem, generation, was_missing,
       rows_delivered, rows_accepted, rows_quarantined, rows_unchanged, rows_held, collected_at
from exchange.batch where business_date = :business_date
order by feed, generation desc
