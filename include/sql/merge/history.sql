-- Older rows fill history and never become current.
insert into exchange.claim_history
    (record_id, feed, batch_id, line_no, business_date, sequence, content_digest, content)
select s.record_id, :feed, :batch_id, s.line_no, :business_date, s.sequence, s.content_digest, w.content
from found as s
inner join staged_content as w on s.line_no = w.line_no
where s.verdict = 'older'
order by s.line_no
on conflict (record_id, feed, batch_id, line_no) do nothing
