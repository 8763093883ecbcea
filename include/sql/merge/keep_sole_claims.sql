-- Before a second source joins a record, the first source's content is kept with its claim.
update exchange.claim set content = v.content
from found as s
inner join exchange.record_version as v on s.record_id = v.record_id
where
    s.old_version is not null
    and s.verdict in ('new', 'changed')
    and exchange.claim.record_id = s.record_id
    and exchange.claim.feed <> :feed
    and exchange.claim.content is null
    and v.version = exchange.claim.content_version
