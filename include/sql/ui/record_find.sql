-- The records with a document number; names of natural persons are masked in the view.
select record_id, dataset, department, document_no, subject_name, subject_kind, decided_on, status, version
from report.record where document_no = :document_no
order by decided_on desc nulls last, record_id limit 50
