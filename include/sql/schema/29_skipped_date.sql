-- Business dates of which a person said that they are not to be exchanged, and why: no holes, and not late.
create table exchange.skipped_date (
    business_date date primary key,
    reason text not null,
    skipped_by text not null,
    skipped_at timestamptz not null
);
