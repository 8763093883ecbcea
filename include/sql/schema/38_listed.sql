-- A platform's list while it is compared: read page by page, gone when the comparison has ended.
-- `digest`: of the content, where the platform tells one.
create unlogged table exchange.listed (
    reconciliation_id bigint not null,
    place text not null,
    record_id text not null,
    version bigint not null,
    digest text
)
