-- The rule set that was last applied to every record, per platform.
select platform, ruleset_digest from exchange.release_run
