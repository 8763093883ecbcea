-- How many quarantined rows of a batch are still open.
select count(*) filter (where state = 'open') as open,
       count(*) filter (where state = 'corrected') as corrected,
       count(*) filter (where state = 'dismissed') as dismissed
from exchange.quarantine where batch_id = :batch_id
