-- Name variants are kept beside the subject.
insert into exchange.subject_name (subject_id, name, first_batch)
select distinct s.subject_id, s.subject_name, :batch_id
from found as s
where
    s.subject_name <> ''
    and not exists (
        select 1 from exchange.subject_name as n where n.subject_id = s.subject_id and n.name = s.subject_name
    )
