-- Where several feeds speak about a record, what this one says is kept with its claim: the record shows a mixture.
update exchange.claim set content = w.content
from outcome as o
inner join staged_content as w on o.line_no = w.line_no
where o.several and o.verdict <> 'resettled' and exchange.claim.record_id = o.record_id and exchange.claim.feed = :feed
