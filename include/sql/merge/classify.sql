-- Detect before writing: what is unchanged, what is older than what we know, what is new.
update staged set verdict = case
    when c.content_digest = staged.content_digest then 'unchanged'
    when h.content_digest = staged.content_digest then 'unchanged'
    when
        c.record_id is not null
        and (c.business_date, c.sequence, c.generation) > (:business_date, staged.sequence, :generation)
        then 'older'
    when exists (select 1 from later as l where l.record_id = staged.derived_id) then 'older'
    when c.record_id is not null then 'changed'
    else 'new'
end
from staged as s
left join exchange.claim as c on s.record_id = c.record_id and c.feed = :feed
left join exchange.claim_history as h
    on s.record_id = h.record_id and h.feed = :feed and h.batch_id = :batch_id
where staged.line_no = s.line_no and staged.operation = 'upsert' and staged.verdict is null
