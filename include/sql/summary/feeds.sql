-- The night per department: what was delivered and what became of it, and who said that it is not waited for any more.
select
    r.batch_id, r.department_name, r.dataset, r.feed, r.state, r.rows_delivered, r.rows_accepted, r.rows_unchanged,
    r.rows_quarantined, r.rows_held, r.problem, b.waived_by, b.waived_reason
from report.batch as r
inner join exchange.batch as b on b.batch_id = r.batch_id
where r.business_date = :business_date
order by r.department_name, r.dataset
