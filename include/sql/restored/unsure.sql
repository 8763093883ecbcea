-- Records that are not to be shown and were never decided here, though they may have been in the database that was lost: no takedown
-- goes for them.
select r.record_id
from exchange.record as r
left join lateral (
    select o.action
    from exchange.withdrawal_order as o
    where o.record_id = r.record_id
    order by o.business_date desc, o.sequence desc, o.action = 'withdraw' desc, o.order_id desc
    limit 1
) as s on true
where
    r.dataset = any(cast(:datasets as text []))
    and (s.action = 'withdraw' or r.status in ('withdrawn', 'expired'))
    and not exists (select 1 from exchange.release as e where e.record_id = r.record_id)
order by r.record_id
