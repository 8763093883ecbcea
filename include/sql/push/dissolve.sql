-- A shipment that surely stored nothing and is not sent again as it is; its records go afresh in a new one.
update exchange.shipment set
    state = 'settled',
    problem = :problem,
    code = :code,
    reply_sealed = coalesce(:reply_sealed, reply_sealed),
    reply_digest = coalesce(:reply_digest, reply_digest),
    lease_owner = null,
    lease_until = null,
    settled_at = clock_timestamp()
where shipment_no = :shipment_no and fence = :fence
