-- Who records are about whose content does not say it.
select record_id, subject_kind from exchange.record where record_id = any(:record_ids)
