-- What was not delivered and did not have to be was told as missing, and its night's page as red.
update exchange.batch
set state = 'complete',
    problem = null
where state = 'missing' and stage = 'merged' and landed_uri is null and waived_by is null
