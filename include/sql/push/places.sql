-- In which places (lanes) of the platform these records lie, the one that they came to first before others: those whose last
-- word there was no takedown, or of which nobody knows any more what came of it (RESTORED). Before all others those to which we
-- never brought them, and where a person ordered that what the platform shows is taken down (reconcile/repair).
select n.record_id, n.lane
from (
    select distinct on (w.record_id, w.lane) w.record_id, w.lane, w.op, w.outcome_code, w.version
    from (
        select o.record_id, o.lane, o.op, o.outcome_code, o.version
        from exchange.outbox as o
        where
            o.platform = :platform and o.record_id = any(cast(:record_ids as text [])) and o.state = 'delivered'
            and o.lane <> ''
        union all
        select d.record_id, d.place, 'upsert', 'RESTORED', 0
        from exchange.difference as d
        where
            d.platform = :platform and d.record_id = any(cast(:record_ids as text []))
            and d.kind = 'shown' and d.repaired_at is not null
    ) as w
    order by w.record_id, w.lane, w.version desc
) as n
where n.op = 'upsert' or n.outcome_code = 'RESTORED'
order by n.record_id, n.version
