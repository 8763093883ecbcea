-- Records whose newest version has not been decided for some platform, or all records where the rules changed.
select r.record_id
from exchange.record as r
inner join unnest(cast(:platforms as text []), cast(:datasets as text [])) as t (platform, dataset)
    on r.dataset = t.dataset
left join exchange.release as e
    on e.platform = t.platform and r.record_id = e.record_id and r.version = e.version
where e.record_id is null or t.platform = any(cast(:changed as text []))
group by r.record_id
order by r.record_id
