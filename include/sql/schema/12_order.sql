-- Explicit withdrawals and reinstatements; the newest one stands, whatever a full file says later. `applied`: its record was looked
-- at since, so that a merge looks at the new ones only.
create table exchange.withdrawal_order (
    order_id bigint generated always as identity primary key,
    record_id text not null,
    action text not null check (action in ('withdraw', 'reinstate')),
    authority text not null check (authority in ('department', 'repair', 'objection', 'court', 'office')),
    reason text not null,
    legal_basis text,
    business_date date not null,
    sequence text not null default '',
    batch_id bigint references exchange.batch,
    line_no int,
    ordered_by text not null,
    created_at timestamptz not null default now(),
    applied boolean not null default false,
    unique (record_id, action, business_date, sequence)
);
create index withdrawal_order_by_record on exchange.withdrawal_order (record_id, business_date desc, sequence desc, order_id desc);
create index withdrawal_order_new on exchange.withdrawal_order (record_id) where not applied;
