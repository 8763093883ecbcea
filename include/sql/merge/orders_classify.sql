-- A repeated withdrawal or reinstatement that already stands changes nothing: it is remembered, but not counted as new.
update staged set verdict = case
    when exists (
        select 1 from exchange.withdrawal_order as o
        where
            o.record_id = s.record_id
            and o.action = s.operation
            and o.business_date = :business_date
            and o.sequence = s.sequence
    ) then 'unchanged'
    when s.operation = (
        select o.action
        from exchange.withdrawal_order as o
        where o.record_id = s.record_id and (o.business_date, o.sequence) <= (:business_date, s.sequence)
        order by o.business_date desc, o.sequence desc, o.action = 'withdraw' desc, o.order_id desc
        limit 1
    ) then 'unchanged'
    else 'order'
end
from staged as s
where staged.line_no = s.line_no and staged.operation <> 'upsert'
