-- Decision and outbox become one row.
alter table exchange.release
alter column effect set default 'send',
add column op text check (op in ('upsert', 'withdraw')),
add column outbox_id bigint,
add column priority smallint not null default 5,
add column fresh boolean not null default false,
add column reason text,
add column state text not null default 'ready'
    check (state in ('ready', 'waiting', 'delivered', 'rejected', 'retry', 'held', 'superseded', 'cancelled')),
add column not_before timestamptz,
add column attempts int not null default 0,
add column outcome_code text,
add column outcome_message text,
add column receipt_no text,
add column first_sent_at timestamptz,
add column settled_at timestamptz,
add check ((op is null) = (outbox_id is null)),
drop constraint release_pkey,
drop constraint if exists release_record_id_fkey,
drop constraint if exists release_decision_id_fkey,
add primary key (record_id, platform, version)
