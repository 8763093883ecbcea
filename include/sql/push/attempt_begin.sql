-- Written before the socket opens, and only by whoever holds the shipment.
with mine as (
    update exchange.shipment set
        state = case when :kind = 'send' then 'sending' else state end,
        tries = tries + case when :kind = 'send' then 1 else 0 end,
        first_sent_at = case when :kind = 'send' then coalesce(first_sent_at, clock_timestamp()) else first_sent_at end,
        sent_at = case when :kind = 'send' then clock_timestamp() else sent_at end,
        lease_until = clock_timestamp() + make_interval(secs => :lease)
    where shipment_no = :shipment_no and fence = :fence and lease_owner = :owner
    returning shipment_no
)

insert into exchange.attempt (shipment_no, kind, fence)
select shipment_no, :kind, :fence from mine
returning attempt_id
