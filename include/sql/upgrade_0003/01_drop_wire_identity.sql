-- Where a record lies at a platform is told by the shipment that brought it there last; nothing is kept beside it.
drop table exchange.wire_identity
