-- Whether a write that finds the shipment no longer held was done before, by itself: the connection died as it was committed.
-- An attempt is ended by nobody but who began it; without one the shipment lies as it was put, and nobody has taken it since.
select
    exists (
        select 1
        from exchange.attempt as a
        where a.attempt_id = :attempt_id and a.fence = :fence and a.outcome = :outcome and a.finished_at is not null
    )
    or (
        cast(:attempt_id as bigint) is null
        and exists (
            select 1
            from exchange.shipment as s
            where s.shipment_no = :shipment_no and s.fence = :fence and s.lease_owner is null and s.state = :state
        )
    ) as written
