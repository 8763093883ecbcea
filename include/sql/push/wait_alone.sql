-- Rows of a lot that cannot go yet, since another version is under way or a takedown has to go first: from now on they wait
-- by themselves, and say for which takedown.
update exchange.release as o set
    state = 'waiting',
    outcome_message = (
        select '先撤下、后报送：第 ' || w.version || ' 版的撤下还没有得到平台确认，确认后再报送本版'
        from exchange.outbox as w
        where
            w.record_id = o.record_id and w.platform = o.platform and w.version < o.version and w.op = 'withdraw'
            and (w.under_way or w.state in ('ready', 'retry'))
        order by w.version desc
        limit 1
    )
where o.outbox_id = any(cast(:outbox_ids as bigint [])) and o.state = 'ready'
