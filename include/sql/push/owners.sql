-- Who holds leases at this platform now.
select distinct lease_owner
from exchange.shipment
where platform = :platform and state <> 'settled' and lease_owner is not null
