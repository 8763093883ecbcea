-- Old deliveries that were taken again since :since, and that nobody has replaced by the right one.
select b.batch_id, b.feed, b.department_name, b.business_date, p.same_as
from exchange.replay as p
inner join exchange.batch as b on p.batch_id = b.batch_id
where
    b.business_date > :since
    and b.stage = 'merged'
    and b.waived_by is null
    and not exists (
        select from exchange.batch as newer
        where newer.feed = b.feed and newer.business_date = b.business_date and newer.generation > b.generation
    )
order by b.business_date, b.feed
