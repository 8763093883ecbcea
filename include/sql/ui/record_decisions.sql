-- What was decided about each version for each platform, and by which rules.
select l.platform, l.version, l.effect, l.decided_at, d.deciding_rule, d.legal_basis, d.rules, d.drop_fields,
       array(select jsonb_object_keys(d.mask_fields)) as masked_fields
from exchange.release as l left join exchange.decision as d on d.decision_id = l.decision_id
where l.record_id = :record_id order by l.version desc, l.platform
