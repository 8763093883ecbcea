-- What each touched record looks like after this batch, and whether that differs from what it is now; in the order of
-- record ids, so that indexes grow at their end.
create temporary table outcome on commit drop as
with standing as (
    select distinct on (o.record_id) o.record_id, o.action
    from exchange.withdrawal_order as o
    inner join found as s on o.record_id = s.record_id
    order by o.record_id, o.business_date desc, o.sequence desc, o.action = 'withdraw' desc, o.order_id desc
)

select
    s.record_id,
    s.line_no,
    s.verdict,
    s.claimed,
    s.agency_code,
    s.document_key,
    coalesce(m.document_no, s.document_no) as document_no,
    s.subject_ref,
    s.subject_id,
    s.sequence,
    s.content_digest as claim_digest,
    m.record_id is not null as several,
    coalesce(m.content_digest, s.content_digest) as content_digest,
    coalesce(m.department, :department) as department,
    coalesce(m.feed, :feed) as feed,
    coalesce(m.subject_name, s.subject_name) as subject_name,
    coalesce(m.subject_code, s.subject_code) as subject_code,
    coalesce(m.subject_kind, s.subject_kind) as subject_kind,
    coalesce(m.decided_on, s.decided_on) as decided_on,
    coalesce(m.publish_until, s.publish_until) as publish_until,
    s.old_version,
    s.old_content_version,
    s.old_digest is distinct from coalesce(m.content_digest, s.content_digest) as differs,
    case
        when standing.action = 'withdraw' then 'withdrawn'
        when coalesce(m.publish_until, s.publish_until) < :today then 'expired'
        else 'current'
    end as status
from found as s
left join settled as m on s.record_id = m.record_id
left join standing on s.record_id = standing.record_id
where s.verdict in ('new', 'changed', 'earlier', 'resettled')
order by s.record_id
