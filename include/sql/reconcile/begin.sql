-- A comparison begins; lists that ended comparisons left are forgotten.
with gone as (
    delete from exchange.listed as l using exchange.reconciliation as n
    where l.reconciliation_id = n.reconciliation_id and n.begun_at < now() - interval '1 day'
)

insert into exchange.reconciliation (platform) values (:platform)
returning reconciliation_id
