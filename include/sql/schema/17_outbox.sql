-- What has to reach a platform: ids, digests and order, written in the same transaction as the release decision.
create table exchange.outbox (
    outbox_id bigint generated always as identity primary key,
    platform text not null,
    dataset text not null,
    record_id text not null,
    version int not null,
    op text not null check (op in ('upsert', 'withdraw')),
    lane text not null default '',
    priority smallint not null default 5,
    payload_digest text not null default '',
    reason text,
    state text not null default 'ready' check (state in
        ('ready', 'sending', 'awaiting_receipt', 'unknown', 'delivered', 'rejected', 'retry', 'held', 'superseded', 'cancelled')),
    not_before timestamptz,
    shipment_no text references exchange.shipment,
    line_no int,
    attempts int not null default 0,
    outcome_code text,
    outcome_message text,
    receipt_no text,
    first_sent_at timestamptz,
    settled_at timestamptz,
    created_at timestamptz not null default now(),
    unique (platform, record_id, version)
);
create index outbox_waiting on exchange.outbox (platform, priority, outbox_id) where state in ('ready', 'retry');
create index outbox_by_shipment on exchange.outbox (shipment_no);
create unique index outbox_one_in_flight on exchange.outbox (platform, record_id)
    where state in ('sending', 'awaiting_receipt', 'unknown');
