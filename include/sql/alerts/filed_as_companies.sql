-- Records that lie at a platform as a company's, with the name open, while the same decision was also reported about a natural person
-- or shop of that very name: who corrects the category without a code gives the record another identity, so that the old one stays.
-- The pairs are few, and only of those it is asked what lies at the platforms: this runs every few minutes.
with pair as materialized (
    select old.department, old.dataset, old.record_id, new.record_id as other_id
    from exchange.record as old
    inner join exchange.record as new
        on
            old.document_key = new.document_key
            and old.agency_code = new.agency_code
            and old.dataset = new.dataset
            and old.subject_name = new.subject_name
            and old.record_id <> new.record_id
    where old.subject_kind = 'legal' and new.subject_kind in ('person', 'sole_trader')
)

select
    p.department,
    p.dataset,
    count(distinct p.record_id) as records,
    min(p.record_id) as record_id,
    min(p.other_id) as other_id
from pair as p
cross join lateral (
    select 1 as one from report.published as s where s.record_id = p.record_id limit 1
) as shown
group by p.department, p.dataset
order by p.department, p.dataset
