-- What the last try of a part said when it failed, null when it succeeded; written only where that is new. Platforms and 发布
-- work for all dates at once: when one succeeds, it is over for the runs of other dates too. Runs are locked in one order:
-- several parts end at once.
with due as materialized (
    select n.night_id
    from exchange.night as n
    where
        (n.run_id = :run_id or (cast(:cause as text) is null and not starts_with(cast(:part as text), 'feed ')))
        and n.causes ->> cast(:part as text) is distinct from cast(:cause as text)
    order by n.night_id
    for update of n
)

update exchange.night as n
set causes = case
    when cast(:cause as text) is null then n.causes - cast(:part as text)
    else n.causes || jsonb_build_object(cast(:part as text), cast(:cause as text))
end
from due
where n.night_id = due.night_id
