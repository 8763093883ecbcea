-- The row that holds a platform's circuit and pace, made on first use.
insert into exchange.platform_state (platform) values (:platform) on conflict (platform) do nothing
