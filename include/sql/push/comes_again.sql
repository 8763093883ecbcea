-- Which of these records come to the platform once more, under which version, and about which kind of subject: a takedown before it
-- makes room for them.
select o.record_id, max(o.version) as version, r.subject_kind
from exchange.outbox as o
inner join exchange.record as r on o.record_id = r.record_id
where
    o.platform = :platform
    and o.record_id = any(cast(:record_ids as text []))
    and o.op = 'upsert'
    and not o.under_way
    and o.state in ('ready', 'retry', 'held')
group by o.record_id, r.subject_kind
