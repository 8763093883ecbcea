-- Whether each platform is being called, and why not.
select platform, circuit, failures, open_until, reason from exchange.platform_state
