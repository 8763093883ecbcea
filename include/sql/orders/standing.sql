-- How a record stands, if there is one, and what the order says that stands for it: also one that nobody carried out yet, and
-- one that waits for a record which was never delivered.
select
    (select r.status from exchange.record as r where r.record_id = :record_id) as status,
    (
        select o.action from exchange.withdrawal_order as o
        where o.record_id = :record_id
        order by o.business_date desc, o.sequence desc, o.action = 'withdraw' desc, o.order_id desc
        limit 1
    ) as action
