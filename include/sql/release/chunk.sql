-- One chunk of candidates with what is needed to decide: content, status and version, why they were withdrawn, and who they
-- are about.
select
    r.record_id,
    r.dataset,
    r.version,
    r.status,
    v.content,
    case when r.status = 'withdrawn' then (
        select o.reason
        from exchange.withdrawal_order as o
        where o.record_id = r.record_id and o.action = 'withdraw'
        order by o.business_date desc, o.sequence desc, o.order_id desc
        limit 1
    ) end as note,
    r.subject_kind
from exchange.record as r
inner join exchange.record_version as v on r.record_id = v.record_id and r.content_version = v.version
where r.record_id = any(:record_ids)
order by r.record_id
for update of r
