-- Gives the lock of lock.sql back; it would also go with the session.
select pg_advisory_unlock(hashtextextended(:key, 0))
