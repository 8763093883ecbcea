-- The night per department: what was delivered and what became of it.
select
    batch_id, department_name, dataset, feed, state, rows_delivered, rows_accepted, rows_unchanged, rows_quarantined, rows_held,
    problem, waived_by, waived_reason, is_absent
from report.batch
where business_date = :business_date
order by department_name, dataset, feed
