-- Sources that agree in content: the record is shown under the one that prevails, whichever came first.
update exchange.record set department = outcome.department, feed = outcome.feed
from outcome
where
    exchange.record.record_id = outcome.record_id
    and outcome.old_version is not null
    and not outcome.differs
    and (exchange.record.department, exchange.record.feed) is distinct from (outcome.department, outcome.feed)
