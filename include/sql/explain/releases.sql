-- Every release decision with the rules and their versions.
select e.platform, e.version, e.effect, d.deciding_rule, d.legal_basis, d.rules, d.drop_fields, d.mask_fields, e.decided_at
from exchange.release as e
left join exchange.decision as d on e.decision_id = d.decision_id
where e.record_id = :record_id
order by e.platform, e.version
