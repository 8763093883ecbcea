-- Where the platform's list and what was last delivered do not agree (`content`: the platform's digest is not that of what was
-- released, which is what it was sent where no field has another name there), how many records should be shown, and how many are not
-- compared: what is on its way or waits, and what lies there in a form that nobody knows (RESTORED) until the next release has
-- decided about it. What was found of those before still stands (`is_fresh` false): ordered is not mended. `asked`: the records that a
-- platform without a list was asked about; null: all.
with ours as (
    select
        w.record_id,
        w.version,
        w.lane as place,
        w.dataset,
        w.outbox_id,
        w.payload_digest,
        w.is_shown and w.lane <> '' as is_shown -- no lane: it was not brought from here
    from exchange.last_word as w
    where
        w.platform = :platform
        and w.dataset = any(cast(:datasets as text []))
        and coalesce(w.record_id = any(cast(:asked as text [])), true)
),

moving as (
    select o.record_id
    from exchange.outbox as o
    where
        o.platform = :platform
        and o.dataset = any(cast(:datasets as text []))
        and (o.under_way or o.state in ('ready', 'retry'))
    union
    select e.record_id
    from exchange.release as e
    inner join exchange.record as r on e.record_id = r.record_id
    where
        e.platform = :platform
        and e.dataset = any(cast(:datasets as text []))
        and e.outcome_code = 'RESTORED'
        and not exists (
            select 1 from exchange.release as n
            where n.record_id = r.record_id and n.platform = :platform and n.version = r.version
        )
),

theirs as (
    select distinct on (l.place, l.record_id)
        l.place,
        l.record_id,
        l.version,
        l.digest
    from exchange.listed as l
    where l.reconciliation_id = :reconciliation_id
    order by l.place, l.record_id, l.version desc
),

found as (
    select
        coalesce(t.place, o.place) as place,
        coalesce(t.record_id, o.record_id) as record_id,
        case
            when t.record_id is null then 'missing'
            when o.version = t.version then 'content'
            when o.record_id is not null then 'version'
            when r.record_id is not null then 'shown'
            else 'unknown'
        end as kind,
        coalesce(o.version, w.version, r.version) as our_version,
        t.version as their_version,
        true as is_fresh,
        o.dataset,
        o.outbox_id,
        t.digest
    from theirs as t
    full join (select * from ours where is_shown) as o on t.record_id = o.record_id and t.place = o.place
    left join ours as w on t.record_id = w.record_id
    left join exchange.record as r on t.record_id = r.record_id
    left join moving as m on coalesce(t.record_id, o.record_id) = m.record_id
    where (t.version is distinct from o.version or t.digest <> o.payload_digest) and m.record_id is null
    union all
    select
        d.place,
        d.record_id,
        d.kind,
        d.our_version,
        d.their_version,
        false as is_fresh,
        null as dataset,
        null as outbox_id,
        null as digest
    from exchange.difference as d
    left join moving as m on d.record_id = m.record_id
    where
        d.platform = :platform
        and (
            m.record_id is not null
            or (
                not coalesce(d.record_id = any(cast(:asked as text [])), true)
                and ( -- nobody can ask about what no shipment of ours brought or removed: it would stand for ever
                    -- not `exists`, for which the last words of all records may be put together
                    select w.is_taken and w.shipment_id is not null
                    from exchange.last_word as w
                    where w.platform = :platform and w.record_id = d.record_id
                )
            )
        )
),

counted as (
    select
        (
            select count(*)
            from ours as o
            left join moving as m on o.record_id = m.record_id
            where o.is_shown and m.record_id is null
        ) as compared,
        (select count(*) from moving) as waiting
)

select
    f.place,
    f.record_id,
    f.kind,
    f.our_version,
    f.their_version,
    f.is_fresh,
    f.dataset,
    f.outbox_id,
    f.digest,
    c.compared,
    c.waiting
from counted as c
left join found as f on true
order by f.place, f.record_id
