-- One chunk of candidates with what is needed to decide: content, status and version.
select
    r.record_id,
    r.dataset,
    r.version,
    r.status,
    r.publish_until,
    v.content,
    n.note
from exchange.record as r
inner join exchange.record_version as v on r.record_id = v.record_id and r.content_version = v.version
inner join exchange.record_version as n on r.record_id = n.record_id and r.version = n.version
where r.record_id = any(:record_ids)
order by r.record_id
for update of r
