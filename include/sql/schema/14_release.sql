-- Per platform and version: what was decided, by which rules, when; and where something has to reach the platform (`op`),
-- its place in the outbox. Decision and outbox are one row, so that neither can be without the other.
-- `state` is the row's own word: 'ready' has none of its own (it waits in a lot, or follows its shipment), 'waiting' waits
-- by itself; exchange.outbox shows what becomes of both. `fresh`: the platform was never told anything of this record
-- before, so nothing older can be under way. `most`: the platform failed on a whole shipment with it, and since then it
-- travels in one of at most so many records; `failed_in`: the shipment after which that was last decided.
create table exchange.release (
    platform text not null,
    record_id text not null,
    version int not null,
    dataset text not null,
    effect text not null default 'send' check (effect in ('send', 'withhold', 'hold', 'withdraw')),
    decision_id int,
    payload_digest text,
    decided_at timestamptz not null default now(),
    op text check (op in ('upsert', 'withdraw')),
    outbox_id bigint,
    priority smallint not null default 5,
    fresh boolean not null default false,
    reason text,
    state text not null default 'ready'
        check (state in ('ready', 'waiting', 'delivered', 'rejected', 'retry', 'held', 'superseded', 'cancelled')),
    not_before timestamptz,
    attempts int not null default 0,
    outcome_code text,
    outcome_message text,
    receipt_no text,
    first_sent_at timestamptz,
    settled_at timestamptz,
    failed_in bigint,
    most int,
    primary key (record_id, platform, version),
    check ((op is null) = (outbox_id is null))
);
create unique index release_outbox on exchange.release (outbox_id) where outbox_id is not null;
create index release_waiting on exchange.release (platform, priority, outbox_id) where state in ('waiting', 'retry');
create index release_refused on exchange.release (platform) where state in ('rejected', 'held');
