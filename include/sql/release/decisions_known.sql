-- Decisions already stored, by digest.
select digest, decision_id from exchange.decision where digest = any(:digests)
