-- Before a second source joins a record, the first source's content is kept with its claim.
update exchange.claim set content = v.content
from exchange.record_version as v
where
    exchange.claim.content is null
    and v.record_id = exchange.claim.record_id
    and v.version = exchange.claim.content_version
    and exchange.claim.feed <> :feed
    and exchange.claim.record_id in (select s.record_id from staged as s where s.verdict in ('new', 'changed'))
