-- COPY of one chunk of decisions; those with an outbox id have to reach their platform.
copy exchange.release (
    platform, record_id, version, dataset, effect, decision_id, payload_digest, op, outbox_id, priority, fresh, reason
) from stdin with (format csv)
