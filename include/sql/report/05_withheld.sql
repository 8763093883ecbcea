-- What a platform does not get although we have it, and which rule says so.
create view report.withheld as
select
    e.platform,
    e.dataset,
    e.record_id,
    e.version,
    d.deciding_rule as rule_id,
    d.legal_basis,
    e.decided_at,
    d.effect
from (
    select distinct on (platform, record_id) platform, record_id, version, dataset, decision_id, decided_at
    from exchange.release
    order by platform, record_id, version desc
) as e
inner join exchange.decision as d on e.decision_id = d.decision_id
where d.effect in ('withhold', 'hold')
