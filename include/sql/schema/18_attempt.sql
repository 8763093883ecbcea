-- Every time bytes were about to leave: written before the socket opens, finished after the answer.
create table exchange.attempt (
    attempt_id bigint generated always as identity primary key,
    shipment_no text not null references exchange.shipment (shipment_no),
    kind text not null check (kind in ('send', 'ask', 'poll')),
    fence bigint not null,
    started_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz,
    outcome text,
    http_status int,
    code text,
    reply_digest text
);
create index attempt_by_shipment on exchange.attempt (shipment_no);
