-- What these decisions drop and mask.
select decision_id, drop_fields, mask_fields from exchange.decision where decision_id = any(:decision_ids)
