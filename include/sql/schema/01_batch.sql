-- What one feed delivered for one business date: the unit of every count and of "nothing lost".
create table exchange.batch (
    batch_id bigint generated always as identity primary key,
    feed text not null,
    department text not null,
    department_name text not null,
    dataset text not null,
    schema_version text not null,
    business_date date not null,
    generation int not null default 1,
    stage text not null default 'expected'
        check (stage in ('expected', 'collected', 'validated', 'merged')),
    state text not null
        check (state in ('complete', 'partial', 'held', 'missing', 'late', 'failed')),
    problem text,
    was_missing boolean not null default false,
    rows_delivered bigint not null default 0,
    rows_accepted bigint not null default 0,
    rows_quarantined bigint not null default 0,
    rows_unchanged bigint not null default 0,
    rows_held bigint not null default 0,
    filled jsonb,
    digest text,
    landed_uri text,
    landed_bytes bigint,
    source_detail jsonb not null default '{}',
    accepted_uri text,
    accepted_digest text,
    identities_uri text,
    docs_uri text,
    code_version text not null default '',
    approved_by text,
    approved_reason text,
    waived_by text,
    waived_reason text,
    collected_at timestamptz,
    validated_at timestamptz,
    merged_at timestamptz,
    unique (feed, business_date, generation)
);
create index batch_by_date on exchange.batch (business_date, feed);
create index batch_held on exchange.batch (business_date, feed) where state = 'held';
create index batch_undated on exchange.batch (feed, business_date, generation) where source_detail @@ '$.undated > 0';
