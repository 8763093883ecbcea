-- The one subject of each group: the oldest known one; the others are merged into it.
create temporary table subject_winner on commit drop as
select leader, min(subject_id) as subject_id
from subject_link
where subject_id is not null
group by leader
