-- A delivery is expected: the row exists before anything is fetched, so that every failure has a place to stand.
insert into exchange.batch (feed, department, department_name, dataset, schema_version, business_date, generation, stage, state, code_version)
values (:feed, :department, :department_name, :dataset, :schema_version, :business_date, :generation, 'expected', 'failed', :code_version)
returning batch_id
