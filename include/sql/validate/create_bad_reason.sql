-- The reasons of this batch's failing rows, filled chunk by chunk.
create temporary table bad_reason (
    line_no int not null,
    rule_id text not null,
    field text not null,
    message text not null
) on commit drop
