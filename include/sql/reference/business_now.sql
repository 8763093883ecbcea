-- The pretended business time for the views, which know no settings; none where CREDIT_EXCHANGE_NOW is not set.
with gone as (
    delete from exchange.reference
    where kind = 'business_now' and cast(:moment as text) is null
)

insert into exchange.reference as r (kind, digest)
select 'business_now', :moment
where cast(:moment as text) is not null
on conflict (kind) do update set digest = excluded.digest, changed_at = clock_timestamp()
where r.digest <> excluded.digest
