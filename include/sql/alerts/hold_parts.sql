-- The open incidents of nights stay as they are until the end of this transaction: a verdict that raises one of them meanwhile
-- waits, and then tells it anew. What it remembered before is seen by the statements after this one.
select incident_key
from exchange.alert
where cleared_at is null and incident_key ~ '^night:[0-9]{4}-[0-9]{2}-[0-9]{2}:'
order by incident_key
for update
