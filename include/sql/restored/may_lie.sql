-- What waited to be sent when the backup was made may have been sent since: it counts as lying there, in a form that nobody knows.
-- So the next release sends it again, or, where it is not to be shown any more, takes it down. So it is with what was refused since
-- the platform has something newer, which shows in a restore that was noticed late.
with no_lot as (
    delete from exchange.lot where op = 'upsert'
    returning platform, first_id, last_id
)

update exchange.release as r set
    state = 'delivered',
    payload_digest = '',
    outcome_code = 'RESTORED',
    outcome_message = '恢复备份时正等待上报，此后可能已上报'
where
    r.op = 'upsert'
    and (
        r.state in ('waiting', 'retry')
        or (r.state = 'held' and r.outcome_code in ('1006', 'OLD'))
        or (
            r.state = 'ready'
            and exists (
                select 1 from no_lot as l
                where l.platform = r.platform and r.outbox_id between l.first_id and l.last_id
            )
        )
    )
