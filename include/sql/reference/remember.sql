-- Remember which calendar and clocks are in the tables.
insert into exchange.reference (kind, digest) values ('calendar', :digest)
on conflict (kind) do update set digest = excluded.digest, changed_at = clock_timestamp()
