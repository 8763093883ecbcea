-- A repeated withdrawal or reinstatement that already stands changes nothing: it is remembered, but not counted as new.
update found set verdict = case
    when exists (
        select 1 from exchange.withdrawal_order as o
        where
            o.record_id = found.record_id
            and o.action = found.operation
            and o.business_date = :business_date
            and o.sequence = found.sequence
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
