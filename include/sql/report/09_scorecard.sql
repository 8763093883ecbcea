-- Per department and month: the official rates with their numerators and denominators. 及时率 is of what was reported; what
-- was to be and was not yet is in 上报率 (reported_rate). A delivery that did not come and did not have to is not expected.
create or replace view report.scorecard as
with delivered as (
    select
        b.department,
        date_trunc('month', b.business_date)::date as month,
        sum(b.rows_delivered) as rows_delivered,
        sum(b.rows_accepted + b.rows_unchanged) as rows_passed,
        sum(b.rows_quarantined) as rows_quarantined,
        count(*) filter (where b.state = 'missing') as batches_missing,
        count(*) filter (where not b.is_absent) as batches_expected
    from report.batch as b
    group by b.department, date_trunc('month', b.business_date)
),

timely as (
    select
        c.department,
        date_trunc('month', c.started_on)::date as month,
        count(*) filter (where c.state = 'met') as timely_records,
        count(*) as clocked_records,
        count(*) filter (where c.met_at is not null) as reported_records
    from report.clock as c
    group by c.department, date_trunc('month', c.started_on)
)

select
    coalesce(d.department, t.department) as department,
    coalesce(d.month, t.month) as month,
    coalesce(d.rows_delivered, 0) as rows_delivered,
    coalesce(d.rows_passed, 0) as rows_passed,
    round(d.rows_passed::numeric / nullif(d.rows_delivered, 0), 4) as accepted_rate,
    coalesce(d.rows_quarantined, 0) as rows_quarantined,
    round(d.rows_quarantined::numeric / nullif(d.rows_delivered, 0), 4) as quarantined_rate,
    coalesce(t.reported_records, 0) as reported_records,
    coalesce(t.clocked_records, 0) as reportable_records,
    round(t.reported_records::numeric / nullif(t.clocked_records, 0), 4) as reported_rate,
    coalesce(t.timely_records, 0) as timely_records,
    round(t.timely_records::numeric / nullif(t.reported_records, 0), 4) as timely_rate,
    coalesce(d.batches_missing, 0) as batches_missing,
    coalesce(d.batches_expected, 0) as batches_expected
from delivered as d
full join timely as t on d.department = t.department and d.month = t.month
