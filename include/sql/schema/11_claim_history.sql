-- Rows that arrived after newer ones of the same feed: history that never became current. Several of one batch may be one record
-- by linked codes.
create table exchange.claim_history (
    record_id text not null,
    feed text not null,
    batch_id bigint not null references exchange.batch,
    line_no int not null,
    business_date date not null,
    sequence text not null default '',
    content_digest text not null,
    content text not null,
    primary key (record_id, feed, batch_id, line_no)
);
