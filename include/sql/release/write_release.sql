-- The decisions themselves.
insert into exchange.release (
    platform, record_id, version, dataset, effect, decision_id, payload_digest
)
select platform, record_id, version, dataset, effect, decision_id, payload_digest
from written
