-- What differed when a platform's list was last compared. `place`: the data set or catalogue
-- there. `repaired_at`: when a person ordered that it is sent again or taken down.
create table exchange.difference (
    platform text not null,
    place text not null,
    record_id text not null,
    kind text not null check (kind in ('missing', 'version', 'content', 'shown', 'unknown')),
    our_version int,
    their_version bigint,
    reconciliation_id bigint not null,
    repaired_at timestamptz,
    primary key (platform, place, record_id)
)
