-- This batch's failing rows for the length of one transaction, filled chunk by chunk.
create temporary table bad_row (
    line_no int primary key,
    disposition text not null,
    record_id text,
    row_key text not null,
    row_sealed bytea not null
) on commit drop
