-- A repeated withdrawal or reinstatement that already stands changes nothing: it is remembered, but not counted as new. A
-- reinstatement that this feed has given with this very update time is the same one (merge/orders_insert).
update found set verdict = case
    when exists (
        select 1 from exchange.withdrawal_order as o
        where
            o.record_id = found.record_id
            and o.action = found.operation
            and o.business_date = :business_date
            and o.sequence = found.sequence
    ) then 'unchanged'
    when
        found.operation = 'reinstate'
        and found.sequence like '____-__-__%'
        and exists (
            select 1
            from exchange.withdrawal_order as o
            inner join exchange.batch as b on o.batch_id = b.batch_id
            where
                o.record_id = found.record_id
                and o.action = 'reinstate'
                and o.sequence = found.sequence
                and o.business_date < :business_date
                and b.feed = :feed
        ) then 'unchanged'
    when found.operation = (
        select o.action
        from exchange.withdrawal_order as o
        where o.record_id = found.record_id and (o.business_date, o.sequence) <= (:business_date, found.sequence)
        order by o.business_date desc, o.sequence desc, o.action = 'withdraw' desc, o.order_id desc
        limit 1
    ) then 'unchanged'
    else 'order'
end
where found.operation <> 'upsert'
