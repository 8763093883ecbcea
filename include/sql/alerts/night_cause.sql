-- What the last try of a part said when it failed, null when it succeeded; written only where that is new. Platforms and 发布
-- work for all dates at once: when one succeeds, it is over for the runs of other dates too.
update exchange.night
set causes = case
    when cast(:cause as text) is null then causes - cast(:part as text)
    else causes || jsonb_build_object(cast(:part as text), cast(:cause as text))
end
where
    (run_id = :run_id or (cast(:cause as text) is null and not starts_with(cast(:part as text), 'feed ')))
    and causes ->> cast(:part as text) is distinct from cast(:cause as text)
