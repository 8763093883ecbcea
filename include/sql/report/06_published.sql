-- What must be visible on each platform now: the newest delivered version, unless a later withdrawal was delivered, or a
-- later version refused after the old row had been revoked for it (信用中国, a changed identity).
create or replace view report.published as
select
    platform,
    dataset,
    record_id,
    version,
    payload_digest as content_digest,
    settled_at as since
from exchange.last_word
where is_shown
