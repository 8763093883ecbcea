-- Every staged row with a strong identifier gets its subject.
update staged set subject_id = winner.subject_id
from (select distinct subject_ref, leader from subject_link) as link
inner join subject_winner as winner on link.leader = winner.leader
where staged.subject_ref = link.subject_ref
