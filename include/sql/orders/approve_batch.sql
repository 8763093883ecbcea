-- A person takes a held delivery as it is; who did so first, and why, stays. One that was collected again since is not taken by
-- any run any more. What was approved before it landed is seen by now (steps/collect/run.py). One that
-- was not waited for any more is again.
update exchange.batch as b
set approved_by = coalesce(b.approved_by, :approved_by),
    approved_reason = coalesce(b.approved_reason, :reason),
    source_detail = b.source_detail - 'approved_unseen',
    stage = case
        when b.waived_by is null then b.stage
        when b.landed_uri is null then 'expected'
        else 'collected'
    end,
    waived_by = null,
    waived_reason = null
where
    b.batch_id = :batch_id
    and b.state = 'held'
    and not exists (
        select 1
        from exchange.batch as newer
        where newer.feed = b.feed and newer.business_date = b.business_date and newer.generation > b.generation
    )
returning b.business_date, b.feed
