-- What batches of this feed with newer rows already said of records: only filled when a day is merged late, or again.
create temporary table later (
    line_no int not null,
    record_id text not null,
    sequence text not null,
    content_digest text not null,
    batch_id bigint not null,
    business_date date not null,
    generation int not null
) on commit drop
