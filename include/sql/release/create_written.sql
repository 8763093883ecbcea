-- One chunk of decisions on its way into release and outbox; refilled chunk by chunk.
create temporary table if not exists written (
    platform text not null,
    record_id text not null,
    version int not null,
    dataset text not null,
    effect text not null,
    decision_id int,
    payload_digest text,
    op text,
    reason text,
    cancel boolean not null
) on commit delete rows
