-- The view of the outbox stands on the lines; it is made anew at the end.
drop view exchange.outbox
