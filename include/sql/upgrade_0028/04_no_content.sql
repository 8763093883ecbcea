-- The version before has no word for a content that differs.
delete from exchange.difference where kind = 'content'
