-- The view of the outbox stands on the lines, where the version before was in use; it is made anew at the end.
drop view if exists exchange.outbox
