-- What waits in the outbox and is not packed yet, as ranges of outbox ids: claiming reads a few of these instead of looking
-- for waiting rows among all that were ever sent.
-- Ids are given out in blocks, so that the range of one lot is never another's.
create sequence exchange.outbox_seq as bigint increment by 8192;
create table exchange.lot (
    lot_id bigint generated always as identity primary key,
    platform text not null,
    dataset text not null,
    op text not null check (op in ('upsert', 'withdraw')),
    priority smallint not null,
    first_id bigint not null,
    last_id bigint not null check (last_id >= first_id)
);
create index lot_next on exchange.lot (platform, priority, lot_id);
