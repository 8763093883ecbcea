-- A person states that a delivery is not waited for any more: it never comes, cannot be read, or is refused. Nothing of it is
-- taken, its counts and what was wrong with it stay, and its night goes on without it. An approval of before is taken back:
-- else a table that was held before it landed would be taken. Not one that is being worked on, nor one that was collected again
-- since.
update exchange.batch as b
set stage = 'merged',
    approved_by = null,
    approved_reason = null,
    waived_by = :waived_by,
    waived_reason = :reason
where
    b.batch_id = :batch_id
    and b.state in ('missing', 'failed', 'held')
    and b.stage in ('expected', 'collected')
    and b.problem is not null
    and not exists (
        select 1
        from exchange.batch as newer
        where newer.feed = b.feed and newer.business_date = b.business_date and newer.generation > b.generation
    )
returning b.business_date, b.feed
