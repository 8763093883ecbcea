-- A reinstatement that this feed gave with this very update time on an earlier day than the one we knew of: it has stood since
-- then, and the later sighting makes room for it.
delete from exchange.withdrawal_order as o
using exchange.batch as b
where
    o.batch_id = b.batch_id
    and b.feed = :feed
    and o.action = 'reinstate'
    and o.business_date > :business_date
    and (o.record_id, o.sequence) in (
        select s.record_id, s.sequence
        from found as s
        where s.operation = 'reinstate' and s.sequence like '____-__-__%'
        union all
        select p.other_id, s.sequence
        from found as s
        inner join exchange.one_decision as p on s.record_id = p.record_id
        where s.operation = 'reinstate' and s.sequence like '____-__-__%'
    )
