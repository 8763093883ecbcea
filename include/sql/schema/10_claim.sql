-- What each feed last said about a record; the record's content is worked out of these by source priority.
-- content is null where it is the same as the content of the record's version `content_version`.
create table exchange.claim (
    record_id text not null,
    feed text not null,
    department text not null,
    business_date date not null,
    sequence text not null default '',
    generation int not null default 1,
    batch_id bigint not null,
    line_no int not null,
    content_digest text not null,
    content_version int,
    content text,
    primary key (record_id, feed)
);
