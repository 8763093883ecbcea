-- The newest call that brought something to a platform and the newest order of the credit office that are there, and the newest
-- statement of a restore: what was noted outside of the database is not higher, unless it was restored from a backup. Not what
-- sequences say: a database that is copied or killed while it works comes back with their numbers up to 32 higher, above what was
-- lost. Nor questions, which are asked of platforms all the same.
select
    coalesce((select max(a.attempt_id) from exchange.attempt as a where a.kind = 'send'), 0) as attempt,
    coalesce((select max(o.order_id) from exchange.withdrawal_order as o where o.batch_id is null), 0) as office_order,
    coalesce((select max(s.restored_id) from exchange.restored as s), 0) as statement
