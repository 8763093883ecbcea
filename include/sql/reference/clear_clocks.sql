-- The clocks are written anew when the catalogue changed.
delete from exchange.clock_rule
