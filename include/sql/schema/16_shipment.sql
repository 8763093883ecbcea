-- One call to a platform: immutable bytes and keys, stored before the socket opens, with lease, fence and receipt.
create table exchange.shipment (
    shipment_no text primary key,
    platform text not null,
    dataset text not null,
    lane text not null default '',
    op text not null check (op in ('upsert', 'withdraw')),
    batch_no text not null,
    idem_key text not null,
    body_sealed bytea not null,
    body_digest text not null,
    records int not null,
    state text not null default 'ready'
        check (state in ('ready', 'sending', 'awaiting_receipt', 'unknown', 'settled', 'retry', 'held')),
    lease_owner text,
    lease_until timestamptz,
    fence bigint not null default 0,
    tries int not null default 0,
    next_attempt_at timestamptz not null default now(),
    task_id text,
    receipt_no text,
    reply_sealed bytea,
    reply_digest text,
    problem text,
    created_at timestamptz not null default now(),
    sent_at timestamptz,
    settled_at timestamptz
);
create index shipment_open on exchange.shipment (platform, next_attempt_at) where state <> 'settled';
