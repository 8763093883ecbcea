-- Per platform, data set and rule: what was not released of the versions that this business date made.
select l.platform, l.dataset, l.effect, d.deciding_rule, d.legal_basis, count(*) as records
from exchange.release as l
join exchange.record_version as v on v.record_id = l.record_id and v.version = l.version
left join exchange.decision as d on d.decision_id = l.decision_id
where v.business_date = :business_date and l.effect in ('withhold', 'hold')
group by l.platform, l.dataset, l.effect, d.deciding_rule, d.legal_basis
order by l.platform, l.dataset, records desc
