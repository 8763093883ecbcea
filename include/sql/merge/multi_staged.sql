-- This batch's own contents of those records.
select s.record_id, s.line_no, s.sequence, s.content, s.content_digest
from staged as s
where
    s.verdict in ('new', 'changed')
    and exists (select 1 from exchange.claim as c where c.record_id = s.record_id and c.feed <> :feed)
order by s.record_id
