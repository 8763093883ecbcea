-- Written before the socket opens, only by whoever holds the shipment, and only if the platform may be called soon.
with platform as (
    select
        p.circuit,
        p.failures,
        p.reason,
        greatest(0, extract(epoch from p.next_call_at - clock_timestamp()))::float8 as wait_seconds
    from exchange.platform_state as p
    where p.platform = :platform
),

mine as (
    update exchange.shipment set
        state = case when :kind = 'send' then 'sending' else state end,
        tries = tries + case when :kind = 'send' then 1 else 0 end,
        first_sent_at = case
            when :kind = 'send'
                then coalesce(
                    first_sent_at, nullif(current_setting('credit_exchange.now', true), '')::timestamptz, clock_timestamp()
                )
            else first_sent_at
        end,
        sent_at = case when :kind = 'send' then clock_timestamp() else sent_at end,
        lease_until = clock_timestamp() + make_interval(secs => :lease)
    where
        shipment_no = :shipment_no and fence = :fence and lease_owner = :owner
        and exists (select 1 from platform as p where p.circuit <> 'open' and p.wait_seconds <= :patience)
    returning shipment_no
),

begun as (
    insert into exchange.attempt (shipment_no, kind, fence)
    select mine.shipment_no, :kind, :fence from mine
    returning attempt_id
)

select p.circuit, p.failures, p.reason, p.wait_seconds, b.attempt_id
from platform as p
left join begun as b on true
