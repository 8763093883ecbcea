-- The claim's newness is the first time it was said without a break.
update exchange.claim set
    business_date = raised.business_date,
    sequence = raised.sequence,
    generation = raised.generation,
    batch_id = raised.batch_id,
    line_no = raised.line_no
from raised
where exchange.claim.record_id = raised.record_id and exchange.claim.feed = :feed
