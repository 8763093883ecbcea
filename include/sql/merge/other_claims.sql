-- Records of this batch that other feeds speak about as well: their content is worked out per field.
select
    s.record_id,
    c.feed,
    c.department,
    c.business_date,
    c.sequence,
    c.generation,
    c.content
from found as s
inner join exchange.claim as c on s.record_id = c.record_id and c.feed <> :feed
where s.old_version is not null and s.verdict in ('new', 'changed', 'earlier', 'resettled')
order by s.record_id, c.feed
