-- Detect before writing: what is unchanged, what is older than what we know, what is new.
-- 'earlier' is the content this feed stands by today, said on a day before the one we knew of: it has stood since then.
update staged set verdict = case
    when h.content_digest = staged.content_digest then 'unchanged'
    when (c.business_date, c.sequence, c.generation) > (:business_date, staged.sequence, :generation) then
        case
            when c.content_digest <> staged.content_digest then 'older'
            when
                exists (
                    select 1 from later as l
                    where
                        l.record_id = staged.derived_id
                        and l.content_digest <> staged.content_digest
                        and (l.business_date, l.sequence, l.generation) < (c.business_date, c.sequence, c.generation)
                ) then 'unchanged'
            else 'earlier'
        end
    when c.content_digest = staged.content_digest then 'unchanged'
    when exists (select 1 from later as l where l.record_id = staged.derived_id) then 'older'
    when c.record_id is not null then 'changed'
    else 'new'
end
from staged as s
left join exchange.claim as c on s.record_id = c.record_id and c.feed = :feed
left join exchange.claim_history as h
    on s.record_id = h.record_id and h.feed = :feed and h.batch_id = :batch_id
where staged.line_no = s.line_no and staged.operation = 'upsert' and staged.verdict is null
