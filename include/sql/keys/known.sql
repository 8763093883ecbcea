-- The digests by which the keys are known again that were ever written with; none before the first one was used.
select name, digest from exchange.key_check
