-- Takedowns that a platform refused, and after which nothing newer was decided there but what waits for them: they are
-- not the department's to correct.
update exchange.release as o set state = 'held'
where
    o.op = 'withdraw' and o.state = 'rejected'
    and not exists (
        select 1 from exchange.release as n
        where n.record_id = o.record_id and n.platform = o.platform and n.version > o.version
            and (n.state <> 'held' or n.outcome_code is distinct from 'PLACE')
    )
