-- What each platform was last told of each record and acted upon, said once for all who ask: the newest version that was
-- delivered, or refused after the old row had been revoked for it (信用中国, a changed identity: nothing lies there any more).
-- `is_shown`: a row of the record lies there since then.
create or replace view exchange.last_word as
select
    w.platform,
    w.record_id,
    w.dataset,
    w.version,
    w.op,
    w.lane,
    w.shipment_id,
    w.line_no,
    w.outbox_id,
    w.payload_digest,
    w.settled_at,
    w.state = 'delivered' as is_taken,
    w.state = 'delivered' and w.op = 'upsert' as is_shown
from (
    select distinct on (o.platform, o.record_id)
        o.platform,
        o.record_id,
        o.dataset,
        o.version,
        o.op,
        o.lane,
        o.shipment_id,
        o.line_no,
        o.outbox_id,
        o.payload_digest,
        o.settled_at,
        o.state
    from exchange.outbox as o
    where o.state = 'delivered' or (o.state = 'rejected' and o.outcome_code = 'REVOKED')
    order by o.platform, o.record_id, o.version desc
) as w
