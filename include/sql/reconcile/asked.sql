-- A platform without a list was asked about these records.
insert into exchange.asked (platform, record_id, asked_at)
select :platform, r, clock_timestamp()
from unnest(cast(:record_ids as text [])) as r
on conflict (platform, record_id) do update set asked_at = excluded.asked_at
