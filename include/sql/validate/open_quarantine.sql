-- Whether rows of this data set wait in quarantine for a correction that this batch may bring.
select exists (
    select 1
    from exchange.quarantine as q
    inner join exchange.batch as b on q.batch_id = b.batch_id
    where
        q.state = 'open'
        and q.record_id is not null
        and b.dataset = :dataset
        and b.department = :department
        and b.batch_id <> :batch_id
        and (b.business_date, b.generation) <= (:business_date, :generation)
)
