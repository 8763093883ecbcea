-- What a person must look at before it can reach a platform: records whose newest version there was refused or is held,
-- the newest of every platform first; `records` counts all of that platform. Versions overtaken by a newer one are over.
select
    r.platform,
    r.dataset,
    r.record_id,
    r.version,
    r.op,
    r.state,
    r.outcome_code,
    r.outcome_message,
    r.settled_at,
    c.document_no,
    c.department,
    count(*) over (partition by r.platform) as records
from exchange.release as r
inner join exchange.record as c on r.record_id = c.record_id
where
    r.state in ('rejected', 'held')
    and r.op is not null
    and (cast(:platform as text) is null or r.platform = cast(:platform as text))
    and not exists (
        select 1 from exchange.release as n
        where n.record_id = r.record_id and n.platform = r.platform and n.version > r.version
    )
order by row_number() over (partition by r.platform order by r.settled_at desc nulls last, r.record_id), r.platform
limit :size
