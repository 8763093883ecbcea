-- Records that lie at a platform as a company's, with the name open, while the same decision was also reported about a natural person
-- or shop of that very name: who corrects the category without a code gives the record another identity, so that the old one stays.
select
    old.department,
    old.dataset,
    count(distinct old.record_id) as records,
    min(old.record_id) as record_id,
    min(new.record_id) as other_id
from exchange.record as old
inner join exchange.record as new
    on
        old.document_key = new.document_key
        and old.agency_code = new.agency_code
        and old.dataset = new.dataset
        and old.subject_name = new.subject_name
        and old.record_id <> new.record_id
where
    old.subject_kind = 'legal'
    and new.subject_kind in ('person', 'sole_trader')
    and exists (select 1 from report.published as p where p.record_id = old.record_id)
group by old.department, old.dataset
order by old.department, old.dataset
