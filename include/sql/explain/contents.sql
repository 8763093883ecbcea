-- The contents of a record's versions with their digests, to be compared.
select version, content, content_digest from exchange.record_version
where record_id = :record_id and content is not null
order by version
