-- The records with a document number, as it is compared; names of natural persons are masked in the view. `in_all` counts also
-- those that are not listed: a filler number has many.
select r.record_id, r.dataset, r.department, r.document_no, r.subject_name, r.subject_kind, r.decided_on, r.status, r.version,
       count(*) over () as in_all
from report.record as r
inner join exchange.record as k on k.record_id = r.record_id
where k.document_key = :document_key
order by r.decided_on desc nulls last, r.record_id limit 50
