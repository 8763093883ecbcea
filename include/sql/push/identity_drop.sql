-- These records no longer lie at the platform under any identity but those given.
delete from exchange.wire_identity
where
    platform = :platform
    and record_id = any(cast(:record_ids as text []))
    and wire_key <> all(cast(:keep as text []))
