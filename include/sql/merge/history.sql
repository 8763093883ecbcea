-- Older rows fill history and never become current.
insert into exchange.claim_history
    (record_id, feed, batch_id, line_no, business_date, sequence, content_digest, content)
select record_id, :feed, :batch_id, line_no, :business_date, sequence, content_digest, content
from staged
where verdict = 'older'
on conflict (record_id, feed, batch_id) do nothing
