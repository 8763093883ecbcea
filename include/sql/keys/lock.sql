-- Only one process at a time adds a key: of two that come at once the second sees what the first one wrote.
lock table exchange.key_check in share row exclusive mode
