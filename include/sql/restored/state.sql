-- The first version from now on: above all that are here, and above all that a lost database may have given.
insert into exchange.restored (first_version, orders, reason, stated_by)
select
    greatest(
        coalesce((select max(r.version) from exchange.record as r), 0) + 1,
        exchange.version_of_now()
    ),
    :orders, :reason, :stated_by
returning first_version
