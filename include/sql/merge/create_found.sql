-- Each row with the record it speaks about (the same id, the same decision under an earlier code of the same subject, the id
-- under which orders wait for it, or that of an earlier row of this batch by linked codes)
-- and, detected before anything is written, whether that is unchanged, older than what we know, or new.
-- 'earlier' is the content this feed stands by today, said on a day before the one we knew of: it has stood since then.
create temporary table found on commit drop as
with subject_of as (
    select distinct link.subject_ref, winner.subject_id
    from subject_link as link
    inner join subject_winner as winner on link.leader = winner.leader
),

ahead as (
    select distinct on (a.agency_code, a.document_key, a.subject_id)
        a.agency_code, a.document_key, a.subject_id, a.record_id
    from exchange.order_ahead as a
    where
        a.dataset = :dataset
        and (a.document_key, a.agency_code) in (select s.document_key, s.agency_code from staged as s)
    order by a.agency_code, a.document_key, a.subject_id, a.record_id
),

beside as (
    select distinct on (s.agency_code, s.document_key, o.subject_id)
        s.agency_code, s.document_key, o.subject_id, s.derived_id as record_id
    from staged as s
    inner join subject_of as o on s.subject_ref = o.subject_ref
    where o.subject_id in (select subject_id from subject_of group by subject_id having count(*) > 1)
    order by s.agency_code, s.document_key, o.subject_id, s.operation <> 'upsert', s.line_no
)

select
    s.line_no,
    s.derived_id,
    coalesce(r.record_id, i.record_id, ahead.record_id, beside.record_id, s.derived_id) as record_id,
    s.agency_code,
    s.document_no,
    s.document_key,
    s.subject_ref,
    subject_of.subject_id,
    s.subject_kind,
    s.subject_code,
    s.subject_name,
    s.decided_on,
    s.publish_until,
    s.operation,
    s.reason,
    s.sequence,
    s.content_digest,
    coalesce(r.version, i.version) as old_version,
    coalesce(r.content_version, i.content_version) as old_content_version,
    coalesce(r.content_digest, i.content_digest) as old_digest,
    c.record_id is not null as claimed,
    case
        when s.operation <> 'upsert' then null
        when (c.business_date, c.sequence, c.generation) > (:business_date, s.sequence, :generation) then
            case
                when c.content_digest <> s.content_digest then 'older'
                when
                    exists (
                        select 1 from later as l
                        where
                            l.record_id = s.derived_id
                            and l.content_digest <> s.content_digest
                            and (l.business_date, l.sequence, l.generation) < (c.business_date, c.sequence, c.generation)
                            and (l.business_date, l.sequence, l.generation) > (:business_date, s.sequence, :generation)
                    ) then 'unchanged'
                else 'earlier'
            end
        when c.content_digest = s.content_digest then 'unchanged'
        when
            exists (
                select 1 from later as l
                where
                    l.record_id = s.derived_id
                    and (l.business_date, l.sequence, l.generation) > (:business_date, s.sequence, :generation)
            ) then 'older'
        -- said again since, under another code of the subject: no other record has this content, its number is part of it
        when
            exists (
                select 1 from later as l
                where
                    l.content_digest = c.content_digest
                    and (l.business_date, l.sequence, l.generation) > (:business_date, s.sequence, :generation)
            ) then 'older'
        when c.record_id is not null then 'changed'
        else 'new'
    end as verdict
from staged as s
left join subject_of on s.subject_ref = subject_of.subject_ref
left join exchange.record as r on s.derived_id = r.record_id
left join lateral (
    select k.record_id, k.version, k.content_version, k.content_digest
    from exchange.record as k
    where
        r.record_id is null
        and k.agency_code = s.agency_code
        and k.document_key = s.document_key
        and k.subject_id = subject_of.subject_id
        and k.dataset = :dataset
    order by k.record_id
    limit 1
) as i on true
left join ahead
    on s.agency_code = ahead.agency_code
    and s.document_key = ahead.document_key
    and subject_of.subject_id = ahead.subject_id
left join beside
    on s.agency_code = beside.agency_code
    and s.document_key = beside.document_key
    and subject_of.subject_id = beside.subject_id
left join exchange.claim as c on coalesce(r.record_id, i.record_id) = c.record_id and c.feed = :feed
