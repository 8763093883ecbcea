-- Stops all calls to a platform that took nothing of all that was tried, unless it took something of another drain since, or
-- another one is still at it: that one will find out. It is also where lots of other streams are left, which the asking one
-- could not take: they are being packed at this moment; or where something else of them waits for its next try. And so is where
-- something was taken and is still to be asked about: unless it was asked in vain, an open circuit would only keep everybody
-- from the receipts.
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
        where
            s.platform = p.platform
            and (
                (s.state in ('ready', 'retry', 'sending') and s.lease_until > clock_timestamp())
                or (
                    s.state in ('ready', 'retry', 'unknown')
                    and s.dataset || ' ' || s.lane || ' ' || s.op <> all(cast(:streams as text []))
                    and s.shipment_no <> all(cast(:skip as text []))
                    and (s.state <> 'unknown' or not :asked)
                )
            )
    )
    and not exists (
        select 1 from exchange.release as o
        where
            o.platform = p.platform
            and o.state in ('waiting', 'retry')
            and o.not_before > clock_timestamp() -- earlier: something else keeps it
            and o.dataset || ' ' || o.op <> all(cast(:tried as text []))
            and o.outbox_id <> all(cast(:skip_rows as bigint []))
    )
    and not exists (
        select 1 from exchange.lot as t
        where t.platform = p.platform and t.dataset || ' ' || t.op <> all(cast(:tried as text []))
    )
    and (
        :asked
        or not exists (
            select 1 from exchange.shipment as s
            where s.platform = p.platform and s.state = 'awaiting_receipt'
        )
    )
returning p.platform
