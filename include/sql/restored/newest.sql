-- The last number that this database gave to a call to a platform and to an order, used or not and there or not: what was noted
-- outside of it is not higher, unless the database was restored from a backup.
select
    coalesce(pg_sequence_last_value(cast(pg_get_serial_sequence('exchange.attempt', 'attempt_id') as regclass)), 0) as attempt,
    coalesce(pg_sequence_last_value(cast(pg_get_serial_sequence('exchange.withdrawal_order', 'order_id') as regclass)), 0) as "order"
