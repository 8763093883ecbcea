-- The newest business date there is anything of.
select coalesce(greatest((select max(business_date) from exchange.batch), (select max(business_date) from exchange.night)),
                cast(:fallback as date)) as day
