-- Orders of records that have not come: what they are about is kept, since the record may come under another code.
insert into exchange.order_ahead (record_id, dataset, agency_code, document_key, subject_id)
select distinct on (s.record_id) s.record_id, :dataset, s.agency_code, s.document_key, s.subject_id
from found as s
where
    s.operation <> 'upsert'
    and s.old_version is null
    and not exists (select 1 from found as o where o.record_id = s.record_id and o.operation = 'upsert')
order by s.record_id, s.line_no
on conflict (record_id) do nothing
