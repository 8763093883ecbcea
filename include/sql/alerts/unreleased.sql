-- How many records got their newest version by a business date and no platform has a decision about it: merged, and 发布 did
-- not run after that. :datasets are those that any platform takes. A version that a release made itself is decided by the next.
-- While another night runs nothing is said: its merges change records of any date, and its own 发布 is still to come.
select count(*) as records
from exchange.record_version as v
inner join exchange.record as r on v.record_id = r.record_id and v.version = r.version
where v.business_date = :business_date
    and v.reason <> 'release'
    and r.dataset = any(cast(:datasets as text []))
    and not exists (
        select from exchange.release as e where e.record_id = v.record_id and e.version = v.version
    )
    and not exists (
        select from exchange.night as n
        where n.finished_at is null and n.business_date <> :business_date and n.started_at > clock_timestamp() - interval '6 hours'
    )
