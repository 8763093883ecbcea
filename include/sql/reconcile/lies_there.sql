-- Records of ours that a platform shows though nothing was ever sent there from here, as after a restore: they count as lying
-- there from now on, so that what must not be shown is taken down.
with stray as (
    select r.record_id, r.dataset, r.version
    from exchange.record as r
    where
        r.record_id in (
            select d.record_id from exchange.difference as d
            where
                d.platform = :platform
                and d.kind = 'shown'
                and d.kind = any(cast(:kinds as text []))
                and coalesce(d.record_id = any(cast(:chosen as text [])), true) -- null: of all
        )
        and not exists (
            select 1 from exchange.release as e
            where e.record_id = r.record_id and e.platform = :platform and e.op is not null
        )
)

insert into exchange.release (
    platform, dataset, record_id, version, effect, op, outbox_id, state, payload_digest, outcome_code, outcome_message
)
select
    :platform,
    s.dataset,
    s.record_id,
    s.version,
    'send',
    'upsert',
    nextval('exchange.outbox_seq'),
    'delivered',
    '',
    'RESTORED',
    '平台的清单中有，不是从本系统报送的'
from stray as s
on conflict (record_id, platform, version) do update set
    effect = excluded.effect,
    op = excluded.op,
    outbox_id = excluded.outbox_id,
    state = excluded.state,
    payload_digest = excluded.payload_digest,
    outcome_code = excluded.outcome_code,
    outcome_message = excluded.outcome_message
