-- Nothing was delivered: an empty, finished batch where the contract allows it, else a gap that stays visible.
update exchange.batch
set state = 'missing',
    stage = :stage,
    problem = :problem
where batch_id = :batch_id
