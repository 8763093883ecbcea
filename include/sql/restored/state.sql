-- The first version from now on: above all that are here, and above all that a lost database may have given. A record takes no
-- version a minute, so that the minutes since 2020 are above them, also after another backup is restored.
insert into exchange.restored (first_version, orders, reason, stated_by)
select
    greatest(
        coalesce((select max(r.version) from exchange.record as r), 0) + 1,
        (extract(epoch from clock_timestamp() - timestamptz '2020-01-01 00:00+08') / 60)::int
    ),
    :orders, :reason, :stated_by
returning first_version
