-- What was held before anything of it was sent waits again when that may have changed which kept it: our own files
-- (:digest; judged once whenever they changed, so that a night like the one before writes nothing), or another of our
-- records that would have been the same row there (IDENTITY), of which something was settled since, or within the minute
-- before: while the one was judged the other was told of as settled, or the clock stands. What a platform judged has its
-- receipt, and is not meant.
with files as (
    insert into exchange.reference as r (kind, digest) values ('held:' || :platform, :digest)
    on conflict (kind) do update set digest = excluded.digest, changed_at = clock_timestamp()
        where r.digest <> excluded.digest
    returning r.kind
)

update exchange.release as o set state = 'waiting', outcome_code = null, outcome_message = null, settled_at = null
where
    o.platform = :platform
    and o.op = 'upsert'
    and o.state = 'held'
    and o.receipt_no is null
    and (
        exists (select 1 from files)
        or (
            o.outcome_code = 'IDENTITY'
            and exists (
                select 1
                from exchange.record as r
                inner join exchange.record as s on r.document_key = s.document_key and r.dataset = s.dataset
                inner join exchange.outbox as w on s.record_id = w.record_id
                where
                    r.record_id = o.record_id
                    and s.record_id <> r.record_id
                    and w.platform = o.platform
                    and w.state in ('delivered', 'rejected', 'superseded', 'cancelled')
                    and w.settled_at > o.settled_at - interval '1 minute'
            )
        )
    )
