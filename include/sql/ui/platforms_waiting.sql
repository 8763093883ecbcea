-- Platforms that took something and have not said what became of it, or of which nobody knows whether it arrived.
select distinct platform from exchange.shipment
where state in ('awaiting_receipt', 'unknown')
order by platform
