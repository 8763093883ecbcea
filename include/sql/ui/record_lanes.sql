-- For every platform the newest decision about a record, what became of its delivery, and what is visible there now.
select l.platform, l.version, l.effect, l.decided_at, d.effect as decided, d.deciding_rule, d.legal_basis, d.drop_fields,
       array(select k from jsonb_object_keys(d.mask_fields) as k where k <> all(d.drop_fields)) as masked_fields,
       o.op, o.state, o.outcome_code, o.outcome_message, o.attempts, o.shipment_no, o.receipt_no, o.settled_at,
       s.sent_at, s.body_digest, s.reply_digest,
       p.version as visible_version, f.kind as difference, f.compared_at, f.repaired_at
from (
    select distinct on (platform) * from exchange.release where record_id = :record_id order by platform, version desc
) as l
left join exchange.decision as d on d.decision_id = l.decision_id
left join exchange.outbox as o on o.platform = l.platform and o.record_id = l.record_id and o.version = l.version
left join exchange.shipment as s on s.shipment_no = o.shipment_no
left join (select platform, version from report.published where record_id = :record_id) as p on p.platform = l.platform
left join (
    select distinct on (d.platform) d.platform, d.kind, n.finished_at as compared_at, d.repaired_at
    from exchange.difference as d
    inner join exchange.reconciliation as n on n.reconciliation_id = d.reconciliation_id
    where d.record_id = :record_id
    order by d.platform, d.kind <> 'shown', d.place
) as f on f.platform = l.platform
order by l.platform
