-- How the records of a shipment stand, after their outcome was written by somebody who did not hear that it was.
select r.state
from exchange.release as r
where r.outbox_id = any(cast(:outbox_ids as bigint []))
