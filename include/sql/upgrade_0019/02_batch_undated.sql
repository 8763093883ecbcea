-- So are those with rows that no night will take.
create index if not exists batch_undated on exchange.batch (feed, business_date, generation)
where source_detail @@ '$.undated > 0';
