-- This batch's own contents of those records, with their newness.
select
    s.record_id,
    s.line_no,
    coalesce(raised.business_date, stood.business_date, :business_date) as business_date,
    coalesce(stood.sequence, s.sequence) as sequence,
    coalesce(raised.generation, stood.generation, :generation) as generation,
    w.content,
    s.content_digest
from found as s
inner join staged_content as w on s.line_no = w.line_no
left join raised on s.record_id = raised.record_id and s.verdict = 'resettled'
left join stood on s.record_id = stood.record_id and s.verdict = 'changed'
where
    s.old_version is not null
    and s.verdict in ('new', 'changed', 'earlier', 'resettled')
    and exists (select 1 from exchange.claim as c where c.record_id = s.record_id and c.feed <> :feed)
order by s.record_id
