-- What differs counts as lying there in a form that nobody knows, so that the next release sends it again or takes it down; and its
-- record goes on at a version above the platform's: where that answered only that it has something newer (1006, OLD), above all
-- that another database may have given. So does what was refused, or overtaken before it was sent, and is shown
-- all the same. Not what is no record of ours, nor what has a version that no newer one of ours can have, nor what lies where it
-- belongs and is shown elsewhere as well: that is for a person. Gives the records.
with wanted as (
    select
        d.record_id,
        max(d.their_version) as their_version,
        bool_and(d.kind = 'shown') as is_shown,
        array_agg(d.place) filter (where d.kind = 'shown') as shown_in
    from exchange.difference as d
    where
        d.platform = :platform
        and d.kind = any(cast(:kinds as text []))
        and coalesce(d.their_version, 0) < 2000000000
        and coalesce(d.record_id = any(cast(:chosen as text [])), true) -- null: of all
    group by d.record_id
),

told as (
    select
        o.record_id,
        o.version,
        o.op,
        o.lane,
        w.their_version,
        o.state = 'delivered' or coalesce(o.outcome_code, '') in ('REVOKED', '1006', 'OLD') as has_arrived,
        o.state = 'held' and coalesce(o.outcome_code, '') in ('1006', 'OLD') as is_outdone,
        o.state = 'delivered' and coalesce(o.lane = any(w.shown_in), false) as is_there,
        w.is_shown and o.op = 'upsert' and o.state = 'delivered' and o.outcome_code is distinct from 'RESTORED' as belongs
    from wanted as w
    inner join exchange.outbox as o on w.record_id = o.record_id
    where
        o.platform = :platform
        and (
            o.state = 'delivered'
            or (o.state = 'rejected' and o.outcome_code = 'REVOKED')
            or (o.state = 'held' and o.op = 'upsert' and o.outcome_code in ('1006', 'OLD'))
            or (w.is_shown and o.op = 'upsert' and o.state in ('rejected', 'held', 'superseded', 'cancelled'))
        )
),

-- its last word, and the last one in the very catalogue in which it is shown: by windows, since no plan knows how many these are
ranked as (
    select
        t.*,
        row_number() over (partition by t.record_id order by t.has_arrived desc, t.version desc) as place,
        row_number() over (partition by t.record_id, t.lane, t.is_there order by t.version desc) as place_there,
        bool_or(t.is_there) over (partition by t.record_id) as any_there
    from told as t
),

judged as (
    select
        k.*,
        bool_or(k.place = 1 and k.belongs) over (partition by k.record_id) as is_elsewhere
    from ranked as k
),

marked as (
    update exchange.release as e set
        outcome_code = 'RESTORED',
        outcome_message = '平台的清单与此不一致，重新上报或撤下',
        state = case when e.state in ('rejected', 'held', 'superseded', 'cancelled') then 'delivered' else e.state end,
        payload_digest = case when e.state in ('rejected', 'held', 'superseded', 'cancelled') then '' else e.payload_digest end
    from judged as j
    where
        e.platform = :platform
        and e.record_id = j.record_id
        and e.version = j.version
        and not j.is_elsewhere
        and ((j.is_there and j.place_there = 1) or (j.place = 1 and (j.op = 'upsert' or not j.any_there)))
),

raised as (
    update exchange.record as r set
        version = greatest(
            r.version + 1,
            j.their_version::int + 1,
            case when j.is_outdone then exchange.version_of_now() end
        )
    from judged as j
    where r.record_id = j.record_id and j.place = 1 and not j.is_elsewhere
    returning r.record_id, r.version, r.status, r.content_digest, r.business_date
)

insert into exchange.record_version (record_id, version, reason, status, content_digest, business_date, note)
select r.record_id, r.version, 'release', r.status, r.content_digest, r.business_date, :note
from raised as r
returning record_id
