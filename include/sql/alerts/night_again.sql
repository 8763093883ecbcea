-- A part of a night that had ended runs again, and its verdict is to come. When it ended before stays known: whoever counts
-- finished nights must not take this one for late.
update exchange.night set outcome = null, reopened_at = :now where run_id = :run_id and outcome is not null
