-- A late row shows that this feed said something else in between: what it says today has stood only since after that.
create temporary table raised on commit drop as
select distinct on (s.record_id)
    s.record_id,
    l.line_no,
    l.sequence,
    l.batch_id,
    l.business_date,
    l.generation
from found as s
inner join exchange.claim as c on s.record_id = c.record_id and c.feed = :feed
inner join later as l
    on
        s.derived_id = l.record_id
        and (l.business_date, l.sequence, l.generation) > (:business_date, s.sequence, :generation)
where
    exists (select 1 from later)
    and s.verdict = 'older'
    and s.content_digest <> c.content_digest
    and (c.business_date, c.sequence, c.generation) < (:business_date, s.sequence, :generation)
order by s.record_id, l.business_date, l.sequence, l.generation
