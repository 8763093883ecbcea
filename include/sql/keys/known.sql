-- The digests by which a key is known again; none before the first key was used.
select name, digest from exchange.key_check
