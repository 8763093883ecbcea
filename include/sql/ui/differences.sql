-- What platforms show otherwise than was delivered, by the last comparison; what harms a person first.
select
    d.platform,
    d.place,
    d.record_id,
    d.kind,
    d.our_version,
    d.their_version,
    r.document_no,
    r.department,
    d.repaired_at
from exchange.difference as d
left join exchange.record as r on d.record_id = r.record_id
where cast(:platform as text) is null or d.platform = :platform
order by d.kind <> 'shown', d.kind = 'unknown', d.platform, d.place, d.record_id
limit :size
