-- What newer batches of this feed already said of records: only filled when an older day is merged late.
create temporary table later (
    line_no int not null,
    record_id text not null,
    sequence text not null,
    content_digest text not null,
    batch_id bigint not null,
    business_date date not null,
    generation int not null
) on commit drop
