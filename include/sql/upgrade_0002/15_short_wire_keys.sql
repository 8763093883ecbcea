-- 128 bits of the keyed digest are enough for an identity.
update exchange.wire_identity set wire_key = left(wire_key, 32)
