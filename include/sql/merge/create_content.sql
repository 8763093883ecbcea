-- The contents of those rows that are not unchanged; most of a batch's bytes, so they travel and are written once.
create temporary table staged_content (
    line_no int not null,
    content text not null
) on commit drop
