-- The batch cannot be validated until a person changes something.
update exchange.batch set state = 'failed', problem = :problem
where batch_id = :batch_id and stage = 'collected'
