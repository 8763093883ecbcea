-- What each feed delivered for each business date and what became of the rows; the newest generation counts. waived_by: who
-- said that nothing of it will be taken. is_absent: nothing was delivered, as the feed's contract allows, and nobody waits for it.
create or replace view report.batch as
select distinct on (b.feed, b.business_date)
    b.business_date,
    b.department,
    b.department_name,
    b.dataset,
    b.feed,
    b.state,
    b.rows_delivered,
    b.rows_accepted,
    b.rows_quarantined,
    b.rows_unchanged,
    b.rows_held,
    b.digest,
    b.collected_at,
    b.batch_id,
    b.generation,
    b.schema_version,
    b.problem,
    b.waived_by,
    b.waived_reason,
    b.state = 'complete' and b.digest is null as is_absent
from exchange.batch as b
order by b.feed, b.business_date, b.generation desc
