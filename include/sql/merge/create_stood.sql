-- What this feed says under the codes of a new version of the table and has said before under older ones: since when.
create temporary table stood (
    record_id text primary key,
    business_date date not null,
    sequence text not null,
    generation int not null
) on commit drop
