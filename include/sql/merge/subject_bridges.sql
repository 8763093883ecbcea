-- Whether a code, or a known subject, still stands in two groups: then these are one.
select
    exists (
        select 1 from subject_link group by code having min(leader) <> max(leader)
    ) or exists (
        select 1 from subject_link where subject_id is not null group by subject_id having min(leader) <> max(leader)
    )
