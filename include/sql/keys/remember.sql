-- These keys are written with from now on, beside those that were before.
insert into exchange.key_check (name, digest)
select n.name, n.digest
from unnest(cast(:names as text []), cast(:digests as text [])) as n (name, digest)
on conflict (name, digest) do nothing
