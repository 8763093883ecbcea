-- Stops all calls to a platform that took nothing of all that was tried, unless it took something of another drain since, or
-- another one is still at it: that one will find out. It is also where lots of other data sets are left, which the asking one
-- could not take: they are being packed at this moment. And so is where something was taken and is still to be asked about:
-- unless it was asked in vain, an open circuit would only keep everybody from the receipts.
update exchange.platform_state as p set
    circuit = 'open',
    open_until = clock_timestamp() + make_interval(secs => :seconds),
    reason = :reason,
    changed_at = clock_timestamp()
where
    p.platform = :platform
    and p.failures > 0
    and not exists (
        select 1 from exchange.shipment as s
        where s.platform = p.platform and s.state in ('ready', 'retry', 'sending') and s.lease_until > clock_timestamp()
    )
    and not exists (
        select 1 from exchange.lot as t
        where t.platform = p.platform and t.dataset <> all(cast(:tried as text []))
    )
    and (
        :asked
        or not exists (
            select 1 from exchange.shipment as s
            where s.platform = p.platform and s.state = 'awaiting_receipt'
        )
    )
returning p.platform
