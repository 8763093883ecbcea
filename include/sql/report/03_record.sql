-- The record of truth as it stands; natural persons only with masked names, and so is the operator under whose name a shop is
-- filed: the name that its content gives in another field as well, or as one of several there, whatever its width, case and
-- spacing, with a note in brackets or 个体工商户 beside it (core/shop_names.py); longer values are texts, in which a shop's own
-- name stands as well. What has a code of sole traders is one, whatever it is filed as.
create or replace view report.record as
select
    r.record_id,
    r.dataset,
    r.version,
    r.department,
    r.document_no,
    r.subject_code,
    case
        when
            r.subject_kind <> 'person'
            and not (
                (r.subject_kind = 'sole_trader' or left(r.subject_code, 2) = '92')
                and exists (
                    select 1
                    from exchange.record_version as v
                    cross join jsonb_each_text(v.content::jsonb) as f
                    cross join lateral regexp_split_to_table(f.value, '[、，,；;/／|｜&＆]') as part
                    cross join lateral upper(regexp_replace(
                        normalize(part, nfkd), '[\s\u00ad\u034f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff·•‧∙⋅・●]', '', 'g'
                    )) as folded
                    cross join lateral unnest(array[
                        regexp_replace(folded, '[(\[{【〔<〈《][^])}】〕>〉》]*[])}】〕>〉》]?', '', 'g'),
                        regexp_replace(folded, '个体工商户|个体户|经营者|业主|[][(){}【】〔〕<>〈〉《》:]', '', 'g')
                    ]) as form
                    where v.record_id = r.record_id and v.version = r.content_version and form <> ''
                        and (f.value = r.subject_name or length(f.value) <= 50)
                    group by form
                    having count(distinct f.key) > 1 and bool_or(f.value = r.subject_name)
                )
            ) then r.subject_name
        when length(r.subject_name) = 1 then '*'
        when length(r.subject_name) <= 3 then left(r.subject_name, 1) || repeat('*', greatest(length(r.subject_name) - 1, 0))
        else left(r.subject_name, 1) || '**'
    end as subject_name,
    r.decided_on,
    r.business_date,
    r.status,
    r.subject_kind,
    r.publish_until,
    r.feed,
    r.sources
from exchange.record as r
