-- Is there anything that is not finished at the platform?
select
    exists (select 1 from exchange.lot where platform = :platform)
    or exists (select 1 from exchange.release where platform = :platform and state in ('waiting', 'retry'))
    or exists (select 1 from exchange.shipment where platform = :platform and state not in ('settled', 'held'))
