-- COPY of one chunk of decisions.
copy written (
    platform, record_id, version, dataset, effect, decision_id, payload_digest, op, reason, cancel
) from stdin with (format csv)
