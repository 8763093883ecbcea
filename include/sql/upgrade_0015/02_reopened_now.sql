-- What waits for a verdict at the upgrade is told when it still does after the usual time.
update exchange.night set reopened_at = now() where outcome is null and finished_at is not null and reopened_at is null
