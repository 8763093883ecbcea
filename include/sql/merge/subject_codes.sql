-- Codes seen for the first time are linked to their subject.
insert into exchange.subject_code (code, subject_id, first_batch)
select distinct on (link.code) link.code, winner.subject_id, :batch_id
from subject_link as link
inner join subject_winner as winner on link.leader = winner.leader
where not exists (select 1 from exchange.subject_code as known where known.code = link.code)
order by link.code, winner.subject_id
